import Generation
import NIOCore
import Resilience

/// What the connections of one event loop share.
final class FrontContext: @unchecked Sendable {  // Confined to its event loop, but for what is immutable.
    let loop: any EventLoop
    let executor: any TaskExecutor
    let spawner: Spawner
    let settings: FrontSettings
    let admission: Admission
    let rules: @Sendable () -> AccessRules
    let time: TimeSource
    let sweep: LoopSweep
    let connections: ConnectionCount
    let bodies: BodyBudget
    private let activity: FrontActivity
    private let accessLog: AccessLog?
    private var ids: RequestIDs

    init(
        loop: any EventLoop, executor: any TaskExecutor, settings: FrontSettings, admission: Admission,
        rules: @escaping @Sendable () -> AccessRules, time: TimeSource, sweep: LoopSweep,
        connections: ConnectionCount,
        bodies: BodyBudget, activity: FrontActivity, accessLog: AccessLog?, ids: RequestIDs
    ) {
        self.loop = loop
        self.executor = executor
        spawner = .tasks(on: executor)
        self.settings = settings
        self.admission = admission
        self.rules = rules
        self.time = time
        self.sweep = sweep
        self.connections = connections
        self.bodies = bodies
        self.activity = activity
        self.accessLog = accessLog
        self.ids = ids
    }

    var date: ByteBuffer { sweep.date }
    var isDraining: Bool { activity.isDraining }

    func nextRequestID() -> RequestID {
        loop.assertInEventLoop()
        return ids.next()
    }

    /// A request's route begins to run.
    func began() {
        loop.assertInEventLoop()
        activity.began()
    }

    /// A request's route has returned.
    func ended(_ reply: ConnectionReply, _ request: AdmittedRequest, from address: String) {
        loop.assertInEventLoop()
        activity.ended()
        accessLog?.write(
            AccessLine(
                id: reply.id, head: request.head, status: reply.status, code: nil, bytes: reply.bytesWritten,
                from: address, duration: time.now.since(request.arrivedAt)))
    }

    /// A request was refused before it came to a route.
    func refused(_ line: @autoclosure () -> AccessLine) {
        loop.assertInEventLoop()
        accessLog?.write(line())
    }

    /// No more connections will be served.
    func end() {
        loop.assertInEventLoop()
        accessLog?.end()
    }
}
