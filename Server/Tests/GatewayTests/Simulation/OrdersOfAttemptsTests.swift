import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

/// Two attempts beside each other, whose events come in every order.
@Suite struct OrdersOfAttemptsTests {
    /// How one of them goes, as the number of its events.
    enum Course: Int, CaseIterable {
        case fails = 1, breaks, answers

        func script(_ moments: [Duration]) -> Script {
            var script = Script.answer(["so ", "it is "])
            script.moments = moments
            switch self {
            case .fails:
                script = .fail(.transient, "server_error", after: moments[0])
            case .breaks: script.end = .failure(Script.failure(.transient, "reset", phase: .body), after: 1)
            case .answers: break
            }
            return script
        }
    }

    /// Every way to merge so many events of the first attempt with so many of the second; true is the second's.
    private static func merges(_ first: Int, _ second: Int) -> [[Bool]] {
        if first == 0 || second == 0 {
            return [Array(repeating: false, count: first) + Array(repeating: true, count: second)]
        }
        return merges(first - 1, second).map { [false] + $0 } + merges(first, second - 1).map { [true] + $0 }
    }

    /// When the first event comes: by then both attempts run.
    private static let begin = Duration.seconds(5), step = Duration.milliseconds(10)

    private static func scene(
        _ courses: (Course, Course), _ order: [Bool], _ strategy: Strategy, streams: Bool,
        step: Duration = step
    ) -> SmallScene {
        let moments = order.indices.map { begin + step * $0 }
        let firsts = order.indices.filter { !order[$0] }.map { moments[$0] }
        let seconds = order.indices.filter { order[$0] }.map { moments[$0] }
        var scene = SmallScene(name: "\(courses)", strategy: strategy, streams: streams) {
            name, number, now in
            let isFirst = now < .milliseconds(100)
            guard number == 0 else { return .answer(["so ", "it is "]) }
            return isFirst
                ? courses.0.script(firsts.map { $0 - now }) : courses.1.script(seconds.map { $0 - now })
        }
        scene.stations[0].isOpen = strategy == .priority
        scene.settings = { settings in
            settings.attempts.limits.head = .seconds(30)
            settings.attempts.limits.firstToken = .seconds(30)
            settings.attempts.wholeAnswers = .stream
        }
        return scene
    }

    @Test(arguments: [Strategy.priority, .adaptive], [false, true])
    func `two attempts end well in every order of their events, whenever the caller leaves`(
        strategy: Strategy, streams: Bool
    ) {
        for first in Course.allCases {
            for second in Course.allCases {
                for order in Self.merges(first.rawValue, second.rawValue) {
                    let scene = Self.scene((first, second), order, strategy, streams: streams)
                    let (faults, _, _, played) = scene.play()
                    #expect(faults.isEmpty, "\(first) \(second) \(order): \(faults)")
                    let attempts = played.all.first.map { played.attempts.attempts($0.id) } ?? 0
                    #expect(attempts >= 2, "they do not run beside each other")
                    for place in 0...order.count {
                        let moment = Self.begin + Self.step * place - Self.step / 2
                        let faults = scene.play(leavesAt: moment).faults
                        #expect(faults.isEmpty, "\(first) \(second) \(order), left at \(place): \(faults)")
                    }
                }
            }
        }
    }

    @Test(arguments: [Strategy.priority, .adaptive], [false, true])
    func `two attempts end well in every order of steps where all happens at one moment`(
        strategy: Strategy, streams: Bool
    ) {
        var orders = 0
        for first in Course.allCases {
            for second in Course.allCases {
                for order in [[false, true], [true, false]] {
                    let all =
                        order + Array(repeating: false, count: first.rawValue - 1)
                        + Array(repeating: true, count: second.rawValue - 1)
                    let scene = Self.scene((first, second), all, strategy, streams: streams, step: .zero)
                    orders += Stepwise.everyOrder(atMost: 100) { choices in
                        let (faults, options, _, _) = scene.play(choices: choices)
                        #expect(faults.isEmpty, "\(first) \(second) \(choices): \(faults)")
                        return options
                    }
                }
            }
        }
        #expect(orders > 30)
    }
}
