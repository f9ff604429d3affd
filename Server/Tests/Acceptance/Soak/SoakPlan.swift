import Foundation
import Wall

/// What a soak does, all of it drawn from a seed: who asks for what, and which requests meet which fault.
struct SoakPlan: Sendable {
    /// HOLDFAST_SOAK_SEED, or 1.
    static let seed = number("HOLDFAST_SOAK_SEED").map { UInt64($0) } ?? 1
    /// HOLDFAST_SOAK_SECONDS, or 20: how long the callers go on.
    static let seconds = number("HOLDFAST_SOAK_SECONDS") ?? 20

    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    }

    /// How many callers there are at a time.
    static let callers = 100
    /// How many models P has. A refusal with a time keeps one of them quiet for a while, so there are many.
    static let models = 24
    /// The share of requests that meet a fault at P.
    static let faultShare = 0.3
    /// The share of requests that F refuses, so that some fail everywhere.
    static let refusedShare = 0.05
    /// The share of callers that leave before they have their answer.
    static let leaverShare = 0.05

    /// The faults that may be drawn. Those that move megabytes measure the machine, and those that give a reason to
    /// leave P alone for minutes would leave nothing to soak.
    static let faults = Fault.all.filter { $0.traits.isDisjoint(with: [.heavy, .lasting]) }

    let seed: UInt64

    /// One request.
    struct Request: Sendable {
        /// The text of its member `user`.
        var user: String
        var model: String
        var stream: Bool
        /// When its caller leaves.
        var leavesAfter: Duration?
        /// How long its caller waits before it.
        var pause: Duration
    }

    /// The n-th request of a caller.
    func request(_ caller: Int, _ round: Int) -> Request {
        let user = "u\(caller)-\(round)"
        var chance = chance(user, 1)
        let leaves = chance.fraction() < Self.leaverShare
        return Request(
            user: user, model: "soak-\(Int(chance.fraction() * Double(Self.models)))",
            stream: chance.fraction() < 0.5,
            leavesAfter: leaves ? .milliseconds(Int(chance.fraction() * 300)) : nil,
            pause: .milliseconds(Int(chance.fraction() * 100)))
    }

    /// The fault that a request meets at P.
    func fault(_ user: String) -> Fault? {
        var chance = chance(user, 2)
        guard chance.fraction() < Self.faultShare else { return nil }
        return Self.faults.randomElement(using: &chance)
    }

    /// What a request is called where a flaw is told: who asks for what, and what P does.
    func name(_ request: Request) -> String {
        "\(request.user) (\(fault(request.user)?.name ?? "good"), \(request.stream ? "stream" : "whole"))"
    }

    /// Whether F refuses a request.
    func isRefusedByF(_ user: String) -> Bool {
        var chance = chance(user, 3)
        return chance.fraction() < Self.refusedShare
    }

    /// What P says to a request; no two requests get the same, so that a mix-up shows.
    func textOfP(_ user: String) -> String {
        user + (0..<20).map { " w\($0)" }.joined()
    }

    /// What F says: the same for half of the requests, whose broken streams F can go on with.
    func textOfF(_ user: String) -> String {
        var chance = chance(user, 4)
        return (chance.fraction() < 0.5 ? "" : "F: ") + textOfP(user)
    }

    /// A generator for one question about a request.
    private func chance(_ user: String, _ question: UInt64) -> Seeded {
        let mixed = user.utf8.reduce(seed &* 31 &+ question) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        return Seeded(mixed)
    }
}
