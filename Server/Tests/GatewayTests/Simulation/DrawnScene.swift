import Generation
import NIOCore
import Resilience
import ResilienceTesting
import Routing
import Synchronization

@testable import Gateway

/// A scene that a seed draws: the route, its targets, the requests, and what everybody does.
struct DrawnScene {
    /// What answers contain that are not good enough.
    static let flaw = "flawed"

    /// How a target is as a whole.
    enum Mood: CaseIterable { case well, unsteady, ill, illAtFirst }

    let simulation: Simulation
    let scene: Scene
    let requests: [Int]
    let seldomLeaves: Bool

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let strategy = simulation.one(of: [.priority, .priority, .adaptive, .adaptive] + Strategy.allCases)
        let stations = (0..<simulation.one(of: [1, 2, 2, 3, 4])).map {
            Self.station($0, strategy, simulation)
        }
        let moods = stations.map { _ in simulation.one(of: Mood.allCases) }
        let shadow: (Strategy, Double)? =
            simulation.below(6) == 0 ? (simulation.one(of: [.adaptive, .cheapest]), 0.5) : nil
        requests = (0..<1 + simulation.below(4)).map { _ in 1 + simulation.below(3) }
        seldomLeaves = simulation.below(3) > 0
        let isObedient = simulation.below(3) > 0
        let settings = Self.settings(strategy, simulation)
        scene = Scene(
            simulation.time, simulation.spawner, chance: simulation.chance(),
            requests: requests.reduce(0, +), strategy: strategy, stations: stations, shadow: shadow,
            settings: settings
        ) { name, call in
            let place = stations.firstIndex { $0.name == name } ?? 0
            var script = Self.script(moods[place], call, simulation)
            if isObedient { script.isDeaf = false }
            return script
        }
    }

    /// Lets all callers ask, and says what does not hold.
    func play() async throws {
        let calls = requests.map { count in
            simulation.start("caller") {
                for _ in 0..<count {
                    try await simulation.time.sleep(for: .milliseconds(50 * simulation.below(30)))
                    let session: UInt64? = simulation.below(2) == 0 ? UInt64(simulation.below(2)) : nil
                    await scene.ask(streams: simulation.below(2) == 0, caller: manner, session: session)
                }
            }
        }
        for call in calls { _ = await call.result }
    }

    private var manner: ScriptedCaller.Manner {
        let pause: Duration = simulation.below(3) == 0 ? .milliseconds(20 * simulation.below(20)) : .zero
        let leaves = simulation.below(seldomLeaves ? 12 : 2) == 0
        return ScriptedCaller.Manner(pause: pause, leavesAfter: leaves ? simulation.below(6) : nil)
    }

    // MARK: The route

    private static func station(_ number: Int, _ strategy: Strategy, _ simulation: Simulation)
        -> Scene.Station
    {
        var station = Scene.Station(name: ["a", "b", "c", "d"][number])
        station.keys = simulation.one(of: [1, 1, 2])
        station.weight = 1 + simulation.below(3)
        if simulation.below(3) == 0 {
            station.bulkhead = BulkheadPolicy(
                limit: 1 + simulation.below(2), queue: simulation.below(3),
                maximumWait: simulation.one(of: [nil, .seconds(1)]))
        }
        station.breaker = strategy.learns ? .learned : .target
        station.breaker.open.first = simulation.one(of: [.milliseconds(300), .seconds(1), .seconds(5)])
        station.breaker.open.maximum = .seconds(20)
        station.breaker.probeLease = nil
        station.prefill = simulation.one(of: [nil, .message])
        station.isOpen = simulation.below(8) == 0
        return station
    }

    private static func settings(
        _ strategy: Strategy, _ simulation: Simulation
    ) -> (inout Route.Settings) -> Void {
        let total = Duration.seconds(simulation.one(of: [2, 5, 20]))
        let soon = Duration.seconds(1 + simulation.below(4))
        let limits = PhaseLimits(
            connect: .seconds(1), head: soon, firstToken: soon, idle: .seconds(1 + simulation.below(3)),
            total: total)
        let broken = simulation.one(of: BrokenStreams.allCases),
            whole = simulation.one(of: WholeAnswers.allCases)
        let retry = RetrySettings(
            maximumAttempts: 1 + simulation.below(6), patience: .milliseconds(500 * simulation.below(6)))
        var rules = AnswerRules()
        rules.empty = simulation.one(of: [.next, .pass])
        if simulation.below(2) == 0 { rules.mustNotContain = [Phrase(flaw)] }
        rules.lastResort = simulation.one(of: AnswerRules.LastResort.allCases)
        let hedges = simulation.below(4) > 0, isSticky = simulation.below(4) == 0
        let table: FailureTable = strategy.learns || simulation.below(4) == 0 ? .otherTargetsFirst : .standard
        let wholeAnswer = Duration.seconds(1 + simulation.below(20))
        return { settings in
            settings.attempts.limits = limits
            settings.attempts.wholeAnswer = wholeAnswer
            settings.attempts.failures = table
            settings.attempts.retry = retry
            settings.attempts.brokenStreams = broken
            settings.attempts.wholeAnswers = whole
            settings.answers = rules
            settings.selection.hedges = hedges
            if isSticky { settings.selection.sticky = Stickiness() }
        }
    }

    // MARK: The providers

    private static func script(_ mood: Mood, _ call: ProviderCall, _ simulation: Simulation) -> Script {
        let isIll =
            mood == .ill || mood == .illAtFirst && simulation.time.now.sinceOrigin < .seconds(2)
            || mood == .unsteady && simulation.below(2) == 0
        var script = Script()
        script.words = words(of: call, simulation)
        script.delay = .milliseconds(simulation.one(of: [0, 10, 50, 100, 400, 900]))
        script.pause = .milliseconds(simulation.one(of: [0, 10, 100, 300]))
        script.isDeaf = simulation.below(6) == 0
        script.saysUsage = simulation.below(6) > 0
        script.refusesStreams = simulation.below(12) == 0
        script.refusesPrefill = simulation.below(3) == 0
        script.preamble = simulation.one(of: [0, 0, 1, 3])
        if isIll { spoil(&script, simulation) }
        return script
    }

    /// Two texts that begin alike, cut into words in two ways.
    private static func words(of call: ProviderCall, _ simulation: Simulation) -> [String] {
        let number = String(buffer: call.request.body)
        let count = simulation.one(of: [3, 5, 5, 5]), isOther = simulation.below(5) == 0
        var words = ["\(number): ", "one ", "two "]
        for place in 3..<max(3, count) { words.append("\(isOther ? "else" : "word") \(place) ") }
        return simulation.below(4) == 0 ? [words[0] + words[1], words.dropFirst(2).joined()] : words
    }

    private static func spoil(_ script: inout Script, _ simulation: Simulation) {
        let after = simulation.below(5)
        switch simulation.below(12) {
        case 0: script.delay = .milliseconds(500 * simulation.below(14))
        case 1: script.failure = Script.failure(.systemError, "refused", phase: .connect)
        case 2: script.end = .failure(Script.failure(.transient, "reset", phase: .body), after: after)
        case 3: script.end = .silence(after: after)
        case 4: script.words = []
        case 5: script.words.append(flaw)
        case 6: script.preamble = 70
        case 7: script.end = .failure(failure(simulation, phase: .body), after: after)
        default: script.failure = failure(simulation, phase: .head)
        }
    }

    private static func failure(_ simulation: Simulation, phase: Phase) -> AttemptFailure {
        let kind = simulation.one(of: FailureClass.allCases)
        let wait: Duration? = simulation.one(of: [
            nil, nil, .milliseconds(200), .milliseconds(1200), .seconds(30),
        ])
        let cause: String =
            switch kind {
            case .transient: simulation.one(of: ["server_error", "reset"])
            case .invalidRequest: simulation.one(of: ["bad_request", "unsupported_input"])
            case .systemError: simulation.one(of: ["unknown_host", "certificate"])
            default: kind.rawValue
            }
        return Script.failure(kind, cause, phase: phase, retryAfter: wait)
    }
}

extension Simulation {
    /// One of `choices`, drawn by the seed.
    func one<Choice>(of choices: [Choice]) -> Choice { choices[below(choices.count)] }
}
