import Resilience
import ResilienceTesting
import Synchronization

/// Runs tasks on one thread, one step after the other, in an order that is given: so that each step can be the one at which
/// something happens, and each order be had.
final class Stepwise: Sendable {
    /// A task that runs in it.
    struct Call: Sendable {
        let task: Task<Void, Never>
        let isOver: @Sendable () -> Bool
    }

    private static let most = 20_000

    private let clock = VirtualClock()
    private let executor = SteppedExecutor()
    private let running = Atomic(0)

    var time: TimeSource { TimeSource(clock) }

    var spawner: Spawner {
        Spawner { work in Spawner.Spawned(self.start { await work() }.task) }
    }

    /// The tasks that have not ended.
    var unfinished: Int { running.load(ordering: .relaxed) }

    func start(_ work: @escaping @Sendable () async -> Void) -> Call {
        let isOver = Flag()
        running.wrappingAdd(1, ordering: .relaxed)
        let task = Task(executorPreference: executor) {
            await work()
            isOver.value.store(true, ordering: .relaxed)
            self.running.wrappingSubtract(1, ordering: .relaxed)
        }
        return Call(task: task) { isOver.value.load(ordering: .relaxed) }
    }

    private final class Flag: Sendable {
        let value = Atomic(false)
    }

    /// Goes on until nobody can.
    ///
    /// - Parameters:
    ///   - choices: Who goes on at each moment at which several could; the first where nothing is said.
    ///   - onStep: Told the number of each step before it is made.
    /// - Returns: How many could go on at each such moment; nil if there is no end.
    @discardableResult
    func run(choices: [Int] = [], onStep: (Int) -> Void = { _ in }) -> [Int]? {
        var options: [Int] = []
        for step in 0..<Self.most {
            onStep(step)
            let waiting = executor.waiting
            if waiting == 0 {
                guard clock.advanceToNextSleeper() else { return options }
            } else if waiting == 1 {
                executor.run(at: 0)
            } else {
                let choice = options.count < choices.count ? choices[options.count] : 0
                options.append(waiting)
                executor.run(at: min(choice, waiting - 1))
            }
        }
        return nil
    }

    /// Lets time pass in which nothing happens.
    func pass(_ duration: Duration) { clock.advance(by: duration) }

    /// Plays every order, or the first of them.
    ///
    /// - Parameter play: Plays with these choices, and says how many there were at each moment.
    /// - Returns: How many orders there were.
    static func everyOrder(atMost most: Int, _ play: (_ choices: [Int]) -> [Int]) -> Int {
        var choices: [Int] = []
        for count in 1...most {
            let options = play(choices)
            choices = options.indices.map { $0 < choices.count ? choices[$0] : 0 }
            while let last = choices.last, last + 1 >= options[choices.count - 1] { choices.removeLast() }
            guard let last = choices.popLast() else { return count }
            choices.append(last + 1)
        }
        return most
    }
}
