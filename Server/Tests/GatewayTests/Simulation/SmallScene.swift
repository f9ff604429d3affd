import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

/// A scene of one request, small enough for everything to be tried in it.
struct SmallScene: Sendable, CustomTestStringConvertible {
    let name: String
    var strategy = Strategy.priority
    var stations = [Scene.Station(name: "a"), Scene.Station(name: "b")]
    var streams = true
    var manner = ScriptedCaller.Manner()
    var settings: @Sendable (inout Route.Settings) -> Void = { _ in }
    /// Whether another request is there before, which takes a second.
    var isShared = false
    /// What a provider of that name does, from a moment on; the number of its attempt counts from 0.
    let script: @Sendable (_ name: String, _ number: Int, _ now: Duration) -> Script

    var testDescription: String { name }

    /// Words of the only request, or of the one that is there before.
    static let words = ["so ", "it ", "is "]

    /// When the request is made, with breakers that were open ready for a probe.
    static let begin = Duration.seconds(10)

    /// Plays it.
    ///
    /// - Parameters:
    ///   - cancelledAt: The step at which its task is cancelled.
    ///   - leavesAt: The moment at which it is.
    /// - Returns: What does not hold, how many could go on at each moment, and the steps until the request had ended.
    func play(
        cancelledAt: Int? = nil, leavesAt: Duration? = nil, leavesAfter: Int? = nil, choices: [Int] = []
    ) -> (faults: [String], options: [Int], steps: Int, scene: Scene) {
        let stage = Stepwise(), time = stage.time, numbers = Numbers(), script = script
        let scene = Scene(
            time, stage.spawner, chance: Chance(seed: 1), requests: isShared ? 2 : 1, strategy: strategy,
            stations: stations, settings: settings
        ) { name, _ in script(name, numbers.next(name), time.now.sinceOrigin - Self.begin) }
        stage.pass(Self.begin)
        if isShared { _ = stage.start { await scene.ask(streams: false) } }
        var manner = manner
        if let leavesAfter { manner.leavesAfter = leavesAfter }
        let call = stage.start { [manner] in await scene.ask(streams: streams, caller: manner) }
        if let leavesAt {
            _ = stage.start {
                try? await time.sleep(for: leavesAt)
                call.task.cancel()
            }
        }
        var steps = 0
        let options = stage.run(choices: choices) { step in
            if step == cancelledAt { call.task.cancel() }
            if !call.isOver() { steps = step }
        }
        stage.pass(.seconds(1000))
        var faults = scene.faults(isPunctual: true)
        if options == nil { faults.append("there is no end") }
        if stage.unfinished != 0 { faults.append("\(stage.unfinished) tasks are left") }
        return (faults, options ?? [], steps, scene)
    }
}

private final class Numbers: @unchecked Sendable {  // Used on one thread.
    private var counts: [String: Int] = [:]

    func next(_ name: String) -> Int {
        defer { counts[name, default: 0] += 1 }
        return counts[name, default: 0]
    }
}

extension SmallScene {
    private static let answer = Script.answer(words, delay: .milliseconds(20), pause: .milliseconds(20))
    private static let slow = Script.answer(words, delay: .seconds(5), pause: .milliseconds(20))
    private static let broken = changed(answer) {
        $0.end = .failure(Script.failure(.transient, "reset", phase: .body), after: 2)
    }

    private static func changed(_ script: Script, _ change: (inout Script) -> Void) -> Script {
        var script = script
        change(&script)
        return script
    }

    private static func stations(_ change: (inout Scene.Station) -> Void) -> [Scene.Station] {
        var first = Scene.Station(name: "a"), second = Scene.Station(name: "b")
        change(&first)
        second.prefill = .message
        return [first, second]
    }

    private static func patient(_ settings: inout Route.Settings) {
        settings.attempts.limits.head = .seconds(30)
        settings.attempts.limits.firstToken = .seconds(30)
    }

    static let all: [SmallScene] = [
        SmallScene(name: "one answer") { _, _, _ in answer },
        SmallScene(name: "a whole answer", streams: false, settings: { $0.attempts.wholeAnswers = .plain }) {
            _, _, _ in answer
        },
        SmallScene(name: "a stream that is put together", streams: false) { _, _, _ in answer },
        SmallScene(name: "no streams", streams: false) { _, _, _ in
            changed(answer) { $0.refusesStreams = true }
        },
        SmallScene(name: "another target") { name, _, _ in
            name == "a" ? .fail(.providerOverload, "unavailable", after: .milliseconds(10)) : answer
        },
        SmallScene(name: "nobody") { _, _, _ in .fail(.invalidRequest, "bad_request") },
        SmallScene(name: "a wait", stations: [Scene.Station(name: "a")]) { _, number, _ in
            number == 0 ? .fail(.rateLimit, "rate_limit", retryAfter: .milliseconds(200)) : answer
        },
        SmallScene(name: "a stream that breaks") { name, _, _ in
            name == "a" ? broken : .fail(.transient, "reset")
        },
        SmallScene(name: "a stream that is gone on with") { name, _, _ in name == "a" ? broken : answer },
        SmallScene(
            name: "a text that is not gone on with", stations: stations { _ in },
            settings: { $0.attempts.brokenStreams = .goOn }
        ) { name, _, _ in name == "a" ? broken : changed(answer) { $0.refusesPrefill = true } },
        SmallScene(
            name: "an answer for want of a better one",
            settings: { settings in
                settings.attempts.brokenStreams = .buffer
                settings.answers.mustNotContain = [Phrase(DrawnScene.flaw)]
                settings.answers.lastResort = .deliver
            }
        ) { _, _, _ in changed(answer) { $0.words.append(DrawnScene.flaw) } },
        SmallScene(name: "a slow reader", manner: .init(pause: .milliseconds(300))) { _, _, _ in answer },
        SmallScene(
            name: "a queue", stations: stations { $0.bulkhead = BulkheadPolicy(limit: 1, queue: 1) },
            isShared: true
        ) { _, number, _ in number == 0 ? changed(answer) { $0.delay = .seconds(1) } : answer },
        SmallScene(name: "a probe", stations: stations { $0.isOpen = true }) { _, _, _ in answer },
        SmallScene(name: "a probe that loses", stations: stations { $0.isOpen = true }) { name, _, _ in
            name == "a" ? slow : answer
        },
        SmallScene(name: "a probe that fails late", stations: stations { $0.isOpen = true }) { name, _, _ in
            name == "a"
                ? .fail(.transient, "server_error", after: .milliseconds(280))
                : changed(answer) { $0.delay = .milliseconds(20) }
        },
        SmallScene(name: "a hedge", strategy: .adaptive, settings: patient) { _, number, now in
            now < .milliseconds(100) ? slow : answer
        },
        SmallScene(name: "a hedge that fails", strategy: .adaptive, settings: patient) { _, number, now in
            now < .milliseconds(100) ? slow : .fail(.transient, "server_error", after: .milliseconds(30))
        },
        SmallScene(name: "somebody deaf", strategy: .adaptive, settings: patient) { _, number, now in
            changed(now < .milliseconds(100) ? slow : answer) { $0.isDeaf = true }
        },
    ]
}
