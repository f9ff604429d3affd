import Foundation
import Testing

@testable import holdfast

/// A log that is slow or broken.
@Suite struct LineWriterTests {
    /// A pipe whose ends are closed at the end.
    private final class Pipe {
        let outlet: Int32, inlet: Int32

        init(isPatient: Bool = true) {
            var ends: [Int32] = [-1, -1]
            #expect(pipe(&ends) == 0)
            (outlet, inlet) = (ends[0], ends[1])
            if !isPatient { _ = fcntl(inlet, F_SETFL, O_NONBLOCK) }
        }

        /// All that is written until `end` has come.
        func read(until end: String) -> String {
            var text: [UInt8] = [], part = [UInt8](repeating: 0, count: 65_536)
            while !text.suffix(200).contains(end) {
                let count = Foundation.read(outlet, &part, part.count)
                guard count > 0 else { break }
                text += part[..<count]
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    private func line(_ number: Int) -> String { "\(number) " + String(repeating: "x", count: 990) + " end" }

    @Test(arguments: [true, false])
    func `a reader that is slow holds nobody up, and is told how many lines it missed`(isPatient: Bool) {
        let pipe = Pipe(isPatient: isPatient), writer = LineWriter(descriptor: pipe.inlet), count = 3000
        let begun = ContinuousClock.now
        for number in 0..<count { writer.write(line(number)) }
        #expect(ContinuousClock.now - begun < .seconds(5))
        let dropped = pipe.read(until: "dropped\",\"count\":").split(separator: "\n")
        let told = dropped.last.flatMap { $0.firstMatch(of: #/"count":(\d+)}/#)?.1 }.flatMap { Int($0) }
        #expect(told == count - (dropped.count - 1), "\(dropped.last ?? "")")
        for (number, text) in dropped.dropLast().enumerated() { #expect(text == line(number)) }
        writer.write("the last one")
        #expect(pipe.read(until: "the last one\n") == "the last one\n")
    }

    @Test func `a reader that has left does no harm`() {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe(), writer = LineWriter(descriptor: pipe.inlet)
        close(pipe.outlet)
        for number in 0..<3000 { writer.write(line(number)) }
        writer.flush(seconds: 5)
    }

    @Test func `a line that was begun when writing failed is ended before the next, and the lost are told`()
        throws
    {
        signal(SIGXFSZ, SIG_IGN)
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("holdfast-lines-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(descriptor) }
        // A place that is full after 1500 bytes, whatever else this process writes meanwhile is smaller or elsewhere.
        var before = rlimit()
        try #require(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before) == 0)
        let writer = LineWriter(descriptor: descriptor)
        lseek(descriptor, (1 << 40) - 1500, SEEK_SET)
        var narrow = before
        narrow.rlim_cur = 1 << 40
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &narrow) == 0)
        for number in 0..<4 {
            writer.write(line(number))
            writer.flush(seconds: 5)
        }
        _ = setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
        writer.write("after")
        writer.flush(seconds: 5)
        lseek(descriptor, (1 << 40) - 1500, SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: 10_000)
        let count = read(descriptor, &bytes, bytes.count)
        let lines = String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines.prefix(2).map(String.init) == [line(0), line(1)])
        #expect(lines.dropFirst(2).first == "after")
        #expect(lines.last == #"{"level":"warning","message":"log lines dropped","count":2}"#)
    }
}

extension Sequence<UInt8> where Self: BidirectionalCollection {
    fileprivate func contains(_ text: String) -> Bool {
        String(decoding: Array(self), as: UTF8.self).contains(text)
    }
}
