import Testing

@testable import Simulation

@Suite struct CounterRandomTests {
    @Test(arguments: ["stress", "adversarial"])
    func `it draws the numbers of the files' test vectors`(name: String) throws {
        let vectors = try Worlds.file(name).vectors
        #expect(vectors.count == 4)
        for vector in vectors {
            let random = CounterRandom(seed: vector.seed, stream: vector.stream, vector.first, vector.second)
            #expect(random.key == vector.key)
            #expect([random.unit(0), random.unit(1)] == vector.units)
            let normals = CounterRandom.normals(random.unit(1), random.unit(2))
            #expect(abs(normals.0 - vector.normals[0]) < 1e-14 && abs(normals.1 - vector.normals[1]) < 1e-14)
        }
    }

    @Test func `numbers beyond 64 bits wrap around`() {
        let random = CounterRandom(seed: .max, stream: .attempts, .max, .max)
        for index in [0, 1, .max] as [UInt64] { #expect((0..<1).contains(random.unit(index))) }
    }

    @Test func `the least and the greatest number give finite normal numbers`() {
        for unit in [0, 1 - 0x1p-53] {
            let normals = CounterRandom.normals(unit, unit)
            #expect(normals.0.magnitude < 9 && normals.1.magnitude < 9)
        }
    }

    @Test func `its numbers are spread evenly and its normal numbers normally`() {
        let count = 20_000
        var sum = 0.0, normalSum = 0.0, squares = 0.0
        for index in 0..<UInt64(count) {
            let random = CounterRandom(seed: 5, stream: .requests, index)
            let normal = CounterRandom.normals(random.unit(0), random.unit(1)).1
            sum += random.unit(2)
            normalSum += normal
            squares += normal * normal
        }
        #expect(abs(sum / Double(count) - 0.5) < 0.01)
        #expect(abs(normalSum / Double(count)) < 0.03 && abs(squares / Double(count) - 1) < 0.04)
    }
}
