import Foundation
import Gateway
import Logging
import Resilience
import ResilienceTesting
import Routing
import Synchronization
import Testing

@testable import holdfast

/// How what is known of targets gets into a file, and what is done about files that cannot be used.
@Suite struct StateKeeperTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("holdfast-state-\(UUID().uuidString)")
    private let clock = VirtualClock()
    private let lines = Recorder<String>()

    private var path: String { directory.appendingPathComponent("state.json").path }

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// A keeper with one target, and what is known of it.
    private func keeper(_ path: String) -> (StateKeeper, TargetRecords, TargetHealth) {
        let time = TimeSource(clock)
        let records = TargetRecords(time: time, wallClockMilliseconds: 1_795_200_000_000)
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), records: records, onEvent: { _ in }, onCooldown: { _ in })
        let health = registry.health(
            of: TargetIdentity(provider: "p", location: "here", model: "m", key: "d1"), label: "p/m",
            credential: "key 1",
            settings: .init(breaker: CircuitBreakerPolicy(), bulkhead: nil))
        let lines = lines
        let keeper = StateKeeper(
            path, records: records, targets: registry, time: time,
            logger: Logger(label: "test") { _ in LineRecorder(lines: lines) })
        return (keeper, records, health)
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test func `the file is written at once and each minute, as a whole, for its owner alone`() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let (keeper, _, health) = keeper(path)
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await keeper.run() }
            await clock.untilSleepers(1)
            #expect(text(path)?.contains(#""since":"#) == false)
            health.breaker.open()
            clock.advance(by: .seconds(60))
            await clock.untilSleepers(1)
            #expect(text(path)?.contains(#""since":"#) == true)
            tasks.cancelAll()
        }
        let rights = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(rights == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["state.json"])
        #expect(lines.events.isEmpty)
    }

    @Test func `what was written is restored`() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let (first, earlier, health) = keeper(path)
        earlier.look(at: [health])
        health.breaker.open()
        clock.advance(by: .seconds(600))
        health.breaker.close()
        await first.save()
        let (second, records, other) = keeper(path)
        second.restore()
        let length = records[other.identity]?.incidents.length
        #expect(length != nil && length == earlier[health.identity]?.incidents.length)
        #expect(text(path)?.contains("key 1") == false)
        #expect(lines.events.isEmpty)
    }

    @Test(arguments: [
        ("", "it is not a state file, or damaged"), ("some text", "it is not a state file, or damaged"),
        (#"{"format":"other","version":1}"#, "it is not a state file, or damaged"),
        (
            #"{"format":"holdfast-state","version":2,"records":{}}"#,
            "it has version 2, and this program knows version 1"
        ),
        (#"{"format":"holdfast-state","version":1,"records":{"targets":[{}]}}"#, "it is damaged"),
    ])
    func `a file that cannot be read is named, put aside and not used`(content: String, words: String)
        async throws
    {
        defer { try? FileManager.default.removeItem(at: directory) }
        try content.write(toFile: path, atomically: false, encoding: .utf8)
        let (keeper, _, _) = keeper(path)
        keeper.restore()
        #expect(lines.events == ["warning: the state file is not used: \(words)"])
        #expect(text(path) == nil && text(path + ".unreadable") == content)
        await keeper.save()
        #expect(text(path)?.contains(#""version":1"#) == true)
    }

    @Test func `a folder in the file's place is left where it is`() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let (keeper, _, _) = keeper(path)
        keeper.restore()
        await keeper.save()
        #expect(lines.events.first == "warning: the state file is not used: it is not a file")
        #expect(
            lines.events.count == 2 && lines.events[1].hasPrefix("warning: the state file is not written"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["state.json"])
    }

    @Test func `a failing write is logged once, tried again, and its end is logged`() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let place = directory.appendingPathComponent("later"), path = place.appendingPathComponent("s").path
        let (keeper, _, _) = keeper(path)
        keeper.restore()
        for _ in 0..<3 { await keeper.save() }
        #expect(
            lines.events == [
                "warning: the state file is not written: cannot create: No such file or directory"
            ]
        )
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
        await keeper.save()
        #expect(lines.events.count == 2 && lines.events.last == "notice: the state file is written again")
        #expect(text(path) != nil)
    }

    /// Blocks its thread until another task has saved too, as a slow log might.
    private struct SlowLog: LogHandler {
        let wait: @Sendable () -> Void
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]
        var metadataProvider: Logger.MetadataProvider?

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { wait() }
    }

    @Test func `a log that is slow keeps nobody else from writing the file`() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let time = TimeSource(clock), done = DispatchSemaphore(value: 0), begun = Atomic(false)
        let other = Mutex<StateKeeper?>(nil), result = Mutex<DispatchTimeoutResult?>(nil)
        let records = TargetRecords(time: time, wallClockMilliseconds: 0)
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        // A folder that is not there: the first write fails, and that is logged.
        let keeper = StateKeeper(
            directory.appendingPathComponent("none/s").path, records: records, targets: registry, time: time,
            logger: Logger(label: "test") { _ in
                SlowLog {
                    guard !begun.exchange(true, ordering: .relaxed), let keeper = other.withLock({ $0 })
                    else { return }
                    Task.detached {
                        await keeper.save()
                        done.signal()
                    }
                    let outcome = done.wait(timeout: .now() + 120)
                    result.withLock { $0 = outcome }
                }
            })
        other.withLock { $0 = keeper }
        await keeper.save()
        #expect(result.withLock { $0 } == .success)
        other.withLock { $0 = nil }
    }

    @Test func `writes that are asked for at the same time follow each other`() async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let (keeper, _, _) = keeper(path)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<50 { tasks.addTask { await keeper.save() } }
        }
        #expect(lines.events.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["state.json"])
    }
}
