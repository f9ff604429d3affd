/// What was seen of a provider lately: values with their times, and their sum.
struct SlidingWindow: Sendable {
    private var times: [Double] = []
    private var values: [Double] = []
    /// Those before it are gone.
    private var head = 0
    private(set) var sum = 0.0

    /// How many values there are.
    var count: Int { times.count - head }

    mutating func append(_ value: Double, at time: Double) {
        times.append(time)
        values.append(value)
        sum += value
    }

    /// Forgets what was seen before a moment.
    mutating func forget(before time: Double) {
        while head < times.count, times[head] < time {
            sum -= values[head]
            head += 1
        }
        guard head >= 64, 2 * head >= times.count else { return }
        times.removeFirst(head)
        values.removeFirst(head)
        head = 0
    }
}
