import Foundation

extension World {
    /// All requests of a scenario: a Poisson process with a changing rate, made by thinning (P. A. W. Lewis,
    /// G. S. Shedler: "Simulation of nonhomogeneous Poisson processes by thinning", 1979).
    ///
    /// Candidates come at the highest rate; each is kept with the share that the rate at its moment has of the highest.
    static func arrivals(
        of scenario: WorldFile.Scenario, sizes: [WorldFile.TokenCount], seed: UInt64
    ) -> [Request] {
        let arrival = scenario.arrival, peak = arrival.peakRate
        var requests: [Request] = [], time = 0.0, candidate: UInt64 = 0
        requests.reserveCapacity(Int(min(arrival.baseRate * scenario.duration, 100_000)))
        while true {
            let random = CounterRandom(seed: seed, stream: .arrivals, candidate)
            candidate += 1
            time += -log(1 - random.unit(0)) / peak
            guard time < scenario.duration else { return requests }
            guard random.unit(1) * peak < arrival.rate(at: time) else { continue }
            requests.append(
                request(requests.count, at: time, sizes, seed, scenario))
        }
    }

    private static func request(
        _ index: Int, at time: Double, _ sizes: [WorldFile.TokenCount], _ seed: UInt64,
        _ scenario: WorldFile.Scenario
    ) -> Request {
        let random = CounterRandom(seed: seed, stream: .requests, UInt64(index))
        let size = sizes[Int(random.unit(0) * Double(sizes.count))]
        let spread = CounterRandom.normals(random.unit(1), random.unit(2)).0
        return Request(
            index: index, arrival: time, input: size.input, output: size.output,
            estimate: max(1, Double(size.output) * exp(scenario.estimateDeviation * spread)),
            isBad: random.unit(3) < scenario.badRequestShare)
    }
}

extension WorldFile.Arrival {
    /// The rate at a moment, in requests a second.
    ///
    /// - Parameter time: Seconds from the scenario's beginning.
    public func rate(at time: Double) -> Double {
        var rate = baseRate
        for segment in segments where segment.start <= time && time < segment.end {
            rate = baseRate * segment.multiple
        }
        guard dailyAmplitude > 0 else { return rate }
        return rate * (1 + dailyAmplitude * sin(2 * Double.pi * (time / 86_400 - 0.25)))
    }
}
