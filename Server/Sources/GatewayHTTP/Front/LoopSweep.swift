import NIOCore

/// Looks once a second at all connections of an event loop, which is cheaper than a timer for each, and keeps the text of
/// the present date for them.
final class LoopSweep: @unchecked Sendable {  // Confined to its event loop.
    private let loop: any EventLoop
    private let wallClock: @Sendable () -> Int64
    private var connections: [FrontConnection] = []
    private(set) var date: String
    /// Whether the front has ended, so that a connection that was accepted just before is not served.
    private(set) var isStopped = false

    init(loop: any EventLoop, wallClock: @escaping @Sendable () -> Int64) {
        self.loop = loop
        self.wallClock = wallClock
        date = HTTPDate.text(wallClock())
    }

    func start() {
        loop.execute {
            self.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in self.turn() }
        }
    }

    func add(_ connection: FrontConnection) {
        connection.sweepIndex = connections.count
        connections.append(connection)
    }

    func remove(_ connection: FrontConnection) {
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

    private func turn() {
        date = HTTPDate.text(wallClock())
        let now = loop.now
        for connection in connections { connection.check(at: now) }
    }
}
