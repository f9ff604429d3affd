import HTTPMessage
import NIOCore

/// One line for each request of an event loop. Lines are gathered and handed over together, since each hand-over costs more
/// than a line.
final class AccessLog: @unchecked Sendable {  // Confined to its event loop.
    /// How many bytes are gathered at most, but for one line.
    private static let handover = 16 << 10
    /// How long a line may wait.
    private static let patience = TimeAmount.milliseconds(20)

    private let loop: any EventLoop
    private let outlet: AccessLogOutlet
    private var gathered = ByteBuffer()
    private var lines = 0
    private var isDue = false
    private var isEnding = false
    /// The second that ``second`` is the text of.
    private var secondShown: Int64 = -1
    private var second = ByteBuffer()

    init(_ outlet: AccessLogOutlet, loop: any EventLoop) {
        self.outlet = outlet
        self.loop = loop
    }

    func write(_ line: AccessLine) {
        loop.assertInEventLoop()
        let now = max(0, outlet.wallClock()), seconds = now / 1000
        if seconds != secondShown {
            secondShown = seconds
            second.clear()
            second.writeString(Timestamp.second(seconds) + ".")
        }
        if gathered.capacity == 0 { gathered.reserveCapacity(Self.handover + AccessLine.longest) }
        gathered.writeWithUnsafeMutableBytes(minimumWritableBytes: AccessLine.longest) { space in
            var writer = ByteWriter(space)
            line.write(outlet.form, second: second, millisecond: Int(now % 1000), &writer)
            return writer.count
        }
        lines += 1
        if isEnding || gathered.readableBytes >= Self.handover { return handOver() }
        guard !isDue else { return }
        isDue = true
        loop.scheduleTask(in: Self.patience) {
            self.isDue = false
            self.handOver()
        }
    }

    /// Hands over what was gathered, and from now on each line at once.
    func end() {
        loop.assertInEventLoop()
        isEnding = true
        handOver()
    }

    private func handOver() {
        guard lines > 0 else { return }
        gathered.withUnsafeReadableBytes { outlet.take($0, lines) }
        gathered.clear()
        lines = 0
    }
}
