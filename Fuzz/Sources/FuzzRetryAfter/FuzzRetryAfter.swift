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
        check(RetryAfter.seconds(text), "seconds")
        check(RetryAfter.inText(text), "text")
        check(RetryAfter.goDuration(Substring(text)), "a duration as Go writes it")
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

/// A date that was accepted and is written in the usual way is the same when the C library writes it.
private func checkDate(_ text: String) {
    guard let seconds = HTTPDate.seconds(text) else { return }
    expect((0...253_402_300_800 + 31 * 86_400).contains(seconds), "\(text) is \(seconds)")
    var time = time_t(seconds), parts = tm(), buffer = [CChar](repeating: 0, count: 40)
    gmtime_r(&time, &parts)
    let length = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
    let written = buffer.prefix(length).map { UInt8(bitPattern: $0) }
    let given = Array(text.utf8)
    // Other spellings, days beyond a month's end and leap seconds mean the same as a date that looks different.
    guard given.count == 29, let dayEnd = given.firstIndex(of: 0x2C), dayEnd == 3,
        given[5...6] != [0x33, 0x31],
        !given.contains(0x2B), !given.contains(0x2D)
    else { return }
    let isLate = (parts.tm_mday < 3 || parts.tm_sec == 0)
    expect(given.dropFirst(3).elementsEqual(written.dropFirst(3)) || isLate, "\(text) is written otherwise")
}
