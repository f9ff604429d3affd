import NIOCore

/// Looks once a second at all connections of an event loop, which is cheaper than a timer for each, and keeps the line of
/// the present date for them.
final class LoopSweep: @unchecked Sendable {  // Confined to its event loop.
    private let loop: any EventLoop
    private let wallClock: @Sendable () -> Int64
    private var connections: [FrontConnection] = []
    private(set) var date: ByteBuffer
    /// Whether the front has ended, so that a connection that was accepted just before is not served.
    private(set) var isStopped = false

    init(loop: any EventLoop, wallClock: @escaping @Sendable () -> Int64) {
        self.loop = loop
        self.wallClock = wallClock
        date = Self.line(wallClock())
    }

    func start() {
        loop.execute {
            self.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in self.turn() }
        }
    }

    func add(_ connection: FrontConnection) {
        loop.assertInEventLoop()
        connection.sweepIndex = connections.count
        connections.append(connection)
    }

    func remove(_ connection: FrontConnection) {
        loop.assertInEventLoop()
        let index = connection.sweepIndex
        guard index < connections.count, connections[index] === connection, let last = connections.popLast(),
            last !== connection
        else {
            return
        }
        connections[index] = last
        last.sweepIndex = index
    }

    /// Closes all connections, also those that are still being accepted.
    func stop() {
        loop.execute {
            self.isStopped = true
            for connection in self.connections { connection.abandon() }
        }
    }

    /// The field of a reply's head, which is the same for a second.
    private static func line(_ seconds: Int64) -> ByteBuffer {
        ByteBuffer(string: "date: \(HTTPDate.text(seconds))\r\n")
    }

    private func turn() {
        loop.assertInEventLoop()
        date = Self.line(wallClock())
        let now = loop.now
        for connection in connections { connection.check(at: now) }
    }
}
