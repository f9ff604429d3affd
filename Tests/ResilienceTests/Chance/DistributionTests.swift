import Foundation
import Testing

@testable import Resilience

@Suite struct DistributionTests {
    @Test(arguments: [(1.0, 1.0), (1, 3), (5, 2), (40, 60), (400, 100)])
    func `numbers of the beta distribution have its mean and its spread`(a: Double, b: Double) {
        var chance = Chance(seed: 11)
        let numbers = (0..<20_000).map { _ in chance.beta(successes: a, failures: b) }
        let mean = numbers.reduce(0, +) / 20_000, sum = a + b
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
        let wanted = a * b / (sum * sum * (sum + 1))
        #expect(abs(mean - a / sum) < 4 * (wanted / 20_000).squareRoot(), "\(mean)")
        #expect(abs(variance / wanted - 1) < 0.06, "\(variance)")
        #expect(numbers.allSatisfy { $0 > 0 && $0 < 1 })
    }

    @Test func `numbers of the normal distribution have its tails`() {
        var chance = Chance(seed: 12)
        let numbers = (0..<50_000).map { _ in chance.normal() }
        for (bound, share) in [(1.0, 0.3173), (2, 0.0455), (3, 0.0027)] {
            let seen = Double(numbers.count { abs($0) > bound }) / 50_000
            #expect(abs(seen - share) < 4 * (share / 50_000).squareRoot(), "beyond \(bound): \(seen)")
        }
        #expect(abs(numbers.reduce(0, +) / 50_000) < 0.02)
    }

    @Test func `shapes that are none count as the smallest`() {
        var chance = Chance(seed: 13)
        for shape: Double in [.nan, -Double.infinity, -1, 0, 0.5] {
            let number = chance.gamma(shape)
            #expect(number > 0 && number.isFinite, "\(shape)")
        }
    }

    @Test func `exponentials and logarithms agree with the system's`() {
        var chance = Chance(seed: 14)
        for _ in 0..<2000 {
            let x = chance.unit() * 40, y = (chance.unit() - 0.5) * 2000
            #expect(abs(Double.exponential(x) / exp(x) - 1) < 1e-13, "e^\(x)")
            #expect(abs(Double.powerOfTwo(y) / exp2(y) - 1) < 1e-13, "2^\(y)")
            let number = exp2(y), wanted = log(number)
            #expect(abs(Double.logarithm(number) - wanted) <= 1e-15 * max(1, abs(wanted)) * 4, "ln \(number)")
        }
        #expect(Double.logarithm(1) == 0 && Double.logarithm(0) == -.infinity)
        #expect(Double.logarithm(.nan) == -.infinity && Double.logarithm(.infinity) == .infinity)
        #expect(abs(Double.logarithm(.leastNonzeroMagnitude) - log(.leastNonzeroMagnitude)) < 1e-12)
        #expect(Double.powerOfTwo(-.infinity) == 0 && Double.powerOfTwo(.infinity) == .infinity)
        #expect(Double.powerOfTwo(.nan) == 1 && Double.powerOfTwo(1099) == .infinity)
        #expect(Double.exponential(-3) == 1 && Double.exponential(.nan) == 1)
    }
}
