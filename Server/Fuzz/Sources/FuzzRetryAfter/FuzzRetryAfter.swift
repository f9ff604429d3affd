import Dialects
import Foundation
import HTTPMessage
import Harness
import NIOCore

@testable import Providers

/// 21 November 2026.
private let now: Int64 = 1_795_219_200
private let year = Duration.seconds(31_536_000)
private let statusLine = ByteBuffer(string: "HTTP/1.1 429 Too Many Requests\r\n")
private let headEnd = ByteBuffer(string: "\r\n\r\n")

/// A wish to be left alone, in a response's fields or in words, is never negative and never longer than a year; dates
/// are read as the C library writes them.
///
/// The input stands for the lines of a head and for a text at once.
@main
struct FuzzRetryAfter {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        check(WaitText.seconds(text), "seconds")
        check(WaitText.inSentence(text), "text")
        check(WaitText.goDuration(Substring(text)), "a duration as Go writes it")
        checkDate(text)

        var head = statusLine, parser = ResponseParser(), body = ByteBuffer()
        head.writeBytes(bytes)
        head.writeImmutableBuffer(headEnd)
        guard case .head(let head)? = try? parser.read(&head, into: &body) else { return }
        check(RetryAfter.inFields(of: head) { now }, "fields")
        for date in head.values("date") + head.values("retry-after") { checkDate(date) }
    }
}

private func check(_ wish: Duration?, _ source: StaticString) {
    guard let wish else { return }
    expect(wish >= .zero, "\(source): \(wish) is negative")
    expect(wish <= year, "\(source): \(wish) is too long")
}

/// What the C library writes for a date that was accepted is read as the same second, however it was spelt.
private func checkDate(_ text: String) {
    guard let seconds = HTTPDate.seconds(text) else { return }
    // The leap second at the end of the year 9999 is in a year that has no such form.
    let last: Int64 = 253_402_300_799
    expect((0...last + 1).contains(seconds), "\(text) is \(seconds)")
    guard seconds <= last else { return }
    var time = time_t(seconds), parts = tm(), buffer = [CChar](repeating: 0, count: 40)
    gmtime_r(&time, &parts)
    let length = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
    let written = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    expect(HTTPDate.seconds(written) == seconds, "\(text) is read as \(written), but that is not")
}
