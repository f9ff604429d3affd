import Foundation
import Gateway
import GatewayHTTP
import Generation
import Logging
import NIOPosix
import Resilience
import Synchronization
import Upstream

/// The gateway from its start to its end: listening, reloading, draining.
final class Serving: Sendable {
    private let source: ConfigurationSource
    private let configuration: Configuration
    private let logger = Logger(label: "holdfast")
    private let group: MultiThreadedEventLoopGroup
    private let executors: LoopExecutors
    private let assembly: Assembly
    private let state: StateKeeper
    private let log: LineWriter

    init(source: ConfigurationSource, configuration: Configuration, proxy: Proxy?, log: LineWriter) {
        self.source = source
        self.log = log
        self.configuration = configuration
        group = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.server.threads ?? Processors.available)
        executors = LoopExecutors(group)
        let client = UpstreamClient(group: group, executors: executors, proxy: proxy)
        assembly = Assembly(client: client, logger: logger)
        state = StateKeeper(
            configuration.server.stateFile, records: assembly.gateway.records,
            targets: assembly.gateway.targets, time: assembly.time, logger: logger)
    }

    private enum Event: Sendable {
        case heard(SignalListener.Heard)
        case fileChanged
        /// The requests that ran when it was told to stop have ended, or their time is over.
        case drained
        /// The front has ended, with an exit status.
        case ended(Int32)
    }

    /// Serves until a signal says stop.
    ///
    /// - Returns: The exit status.
    func run() async -> Int32 {
        state.restore()
        do { try assembly.apply(configuration) } catch {
            StandardError.show("the configuration cannot be used: \(Self.words(error))")
            return 1
        }
        let front = makeFront()
        let (events, sender) = AsyncStream.makeStream(of: Event.self)
        SignalListener { sender.yield(.heard($0)) }.start()
        return await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { sender.yield(.ended(await self.serve(front))) }
            tasks.addTask { await self.state.run() }
            if let file = source.file {
                tasks.addTask {
                    await FileWatch(file, time: self.assembly.time).run { sender.yield(.fileChanged) }
                }
            }
            defer { tasks.cancelAll() }
            var isForced = false
            for await event in events {
                switch event {
                case .ended(let status): return isForced ? 1 : status
                case .fileChanged: reload(because: "the file changed")
                case .heard(.reload): reload(because: "SIGHUP")
                case .heard(.stopping(.stop)):
                    isForced = true
                    front.stop()
                // Nobody is left to be told of an end.
                case .heard(.stopping(.exit)): return 1
                case .heard(.stopping(.drain)):
                    tasks.addTask {
                        await self.drain()
                        await self.state.save()
                        sender.yield(.drained)
                    }
                case .drained: front.stop()
                }
            }
            return 0
        }
    }

    /// Says that no new work should come, and waits for the requests that run, within the limit.
    private func drain() async {
        let activity = assembly.activity
        activity.drain()
        logger.notice("stopping", metadata: ["requests": "\(activity.requests)"])
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await activity.untilQuiet() }
            tasks.addTask { try? await self.assembly.time.sleep(for: self.configuration.server.drain) }
            await tasks.next()
            tasks.cancelAll()
        }
        if activity.requests > 0 {
            logger.warning(
                "stopping with requests that still run", metadata: ["requests": "\(activity.requests)"])
        }
    }

    private func makeFront() -> Front {
        let server = configuration.server, assembly = assembly
        let demo = configuration.isDemo && Loopback.contains(server.host) ? assembly.demo : nil
        let routes = Routes.table(
            gateway: assembly.gateway, metrics: assembly.registry, activity: assembly.activity,
            maximumBody: server.maximumBody, startedAt: WallClock.seconds(), demo: demo)
        let settings = FrontSettings(
            host: server.host, port: server.port, maximumConnections: server.maximumConnections,
            maximumConnectionsPerAddress: server.maximumConnectionsPerAddress,
            // A caller's share holds at least two of the largest.
            maximumBodiesInFlight: max(256 << 20, 4 * server.maximumBody), bodyTime: server.bodyTime)
        let parts = Front.Parts(
            settings: settings, routes: routes, rules: { assembly.currentRules }, activity: assembly.activity,
            time: assembly.time, wallClock: WallClock.seconds,
            accessLog: accessLog, entropy: SystemEntropy.fill)
        return Front(parts, group: group, executor: { self.executors[$0] }) { port in
            Banner.show(self.configuration, port: port)
        }
    }

    /// Lines about requests are those of a logger at level info, in the same form and to the same place.
    private var accessLog: AccessLogOutlet? {
        let logging = configuration.logging
        guard logging.access, (Logger.Level(rawValue: logging.level.rawValue) ?? .info) <= .info else {
            return nil
        }
        return AccessLogOutlet(
            logging.format == .json ? .json : .text, wallClock: WallClock.milliseconds,
            take: { self.log.write($0, lines: $1) })
    }

    private func serve(_ front: Front) async -> Int32 {
        do {
            try await front.run()
            return 0
        } catch is CancellationError {
            return 0
        } catch is Front.ListeningEnded {
            StandardError.show("the listening socket was closed, though nothing asked the gateway to end")
            return 1
        } catch {
            let server = configuration.server
            StandardError.show(
                "cannot listen on \(server.host):\(server.port) (\(Self.words(error))); if the port is in use, choose another with --port"
            )
            return 1
        }
    }

    // MARK: Reloading

    /// Reads the configuration again. One with mistakes is named and not applied.
    private func reload(because reason: String) {
        do {
            let next = try source.load()
            try assembly.apply(next)
            let pending = configuration.pendingChanges(in: next)
            if !pending.isEmpty {
                logger.warning(
                    "settings that are only read at the start have changed: restart to apply them",
                    metadata: ["settings": "\(pending.joined(separator: ", "))"])
            }
            logger.notice(
                "configuration reloaded",
                metadata: ["because": "\(reason)", "models": "\(next.models.count)"])
        } catch let refused as ConfigurationLoader.Refused {
            for mistake in refused.mistakes { logger.error("configuration not reloaded: \(mistake)") }
        } catch {
            logger.error("configuration not reloaded: \(Self.words(error))")
        }
    }

    private static func words(_ error: any Error) -> String {
        String("\(error)".prefix(300))
    }
}
