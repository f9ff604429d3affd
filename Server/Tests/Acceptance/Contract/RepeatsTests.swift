import Foundation
import Testing
import Wall

/// The same faults again and again: the outcome is the same each time, and another provider is there soon.
///
/// One after the other, since floods of one would delay the others.
@Suite(.serialized, .tags(.measuresTime)) struct Repeats {
    /// What happened to one fault in one setting.
    private struct Row {
        var name: String
        var outcomes: [String: Int] = [:]
        /// From the failure to the first byte of the provider that took over.
        var failovers: [Duration] = []
        /// Why, for the last of each outcome.
        var reasons: [String: String] = [:]

        func at(_ share: Double) -> Double {
            let sorted = failovers.sorted()
            guard !sorted.isEmpty else { return 0 }
            return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] / .milliseconds(1)
        }

        var text: String {
            func padded(_ text: String, _ width: Int) -> String {
                text + String(repeating: " ", count: max(0, width - text.count))
            }
            let outcome = outcomes.map { "\($0.value) x \($0.key)" }.sorted().joined(separator: ", ")
            let times =
                failovers.isEmpty
                ? "" : String(format: "%7.1f %7.1f %7.1f", at(0.5), at(0.95), at(1))
            return "\(padded(name, 16)) \(padded(times, 24)) \(outcome)"
        }
    }

    /// How often: 5 times, or as `HOLDFAST_REPEATS` says.
    private static let times =
        ProcessInfo.processInfo.environment["HOLDFAST_REPEATS"].flatMap { Int($0) }.map { max(1, $0) } ?? 5

    /// Meets faults so many times each, each time with a target of its own, so that no breaker and no cooldown of one
    /// time touches another.
    private static func rows(
        _ faults: [Fault], _ setting: Contract.Setting, atATime places: Int, wait: Duration = .zero
    ) async throws -> [Row] {
        let pair = try await Contract.pair(setting, faults, repeats: times)
        let rows = Box(Dictionary(uniqueKeysWithValues: faults.map { ($0.name, Row(name: $0.name)) }))
        let turns = (0..<times).flatMap { turn in faults.map { ($0, turn) } }
        let flaws = try await flawsOfEach(turns, atATime: places) { fault, turn in
            let route = Contract.route(fault, turn)
            let reply = try await pair.chat(route, stream: setting.streams)
            let askedF = pair.callsToF.contains { $0.model == route }
            let (words, flaw) = Contract.words(reply, setting, askedF: askedF)
            let why = try await pair.why(reply)
            rows.change { rows in
                rows[fault.name]?.reasons[words] = why
                rows[fault.name]?.outcomes[words, default: 0] += 1
                guard askedF else { return }
                // A mended answer ends with what F said; one that F gave begins with it.
                let arrival = words.contains("mended") ? reply.elapsed : reply.firstByte ?? reply.elapsed
                rows[fault.name]?.failovers.append(max(.zero, arrival - wait))
            }
            return flaw.map { ["\(fault.name), \(setting.rawValue): \($0)"] } ?? []
        }
        try requireFlawless(try await flaws + pair.aftermath())
        return faults.compactMap { rows.value[$0.name] }
    }

    private static func show(_ title: String, _ rows: [Row]) {
        let head = "fault            p50 ms  p95 ms  max ms   outcomes of \(times)"
        print(([title, head] + rows.map(\.text)).joined(separator: "\n"))
    }

    private static func faults(_ names: [String]) -> [Fault] {
        Contract.faults.filter { fault in
            names.contains { fault.name == $0 || fault.name.hasPrefix($0 + "-") }
        }
    }

    @Test(arguments: [Contract.Setting.streamWithF, .streamWithAgreeingF, .wholeWithF])
    func `each streaming fault has the same outcome every time`(setting: Contract.Setting) async throws {
        let faults = Contract.faults.filter { $0.number >= 33 }
        let rows = try await Self.rows(faults, setting, atATime: 12)
        Self.show("Streaming faults, \(setting.rawValue)", rows)
        for row in rows {
            #expect(row.outcomes.count == 1, "\(row.name): \(row.outcomes) since \(row.reasons)")
        }
    }

    @Test func `after a hard failure the next provider's first byte is there within 250 ms`() async throws {
        let hard = ["F5", "F16", "F17", "F23", "F24", "F25", "F26", "F27-cut", "F29", "F31-nul", "F38"]
        let faults = Self.faults(hard).filter { $0.name != "F16-once" }
        let rows = try await Self.rows(faults, .streamWithF, atATime: 2)
        Self.show("Hard failures before the first token", rows)
        // F's whole answer, half of it already said by P, which broke 50 ms after its words.
        let breaks = try await Self.rows(
            Self.faults(["F33", "F34", "F39"]), .streamWithAgreeingF, atATime: 2, wait: .milliseconds(50))
        Self.show("Hard failures in the middle of a stream, until the end of the mended answer", breaks)
        for row in rows + breaks {
            #expect(
                row.failovers.count == Self.times, "\(row.name): F was asked \(row.failovers.count) times")
            // The median: a busy machine may lose a moment now and then.
            #expect(row.at(0.5) < 250 && row.at(1) < 5000, "\(row.text)")
        }
    }

    @Test func `without settings a silent provider costs less than 6 s`() async throws {
        let silent = Self.faults(["F6", "F7", "F8", "F9", "F43-slow"]), player = FaultPlayer()
        let pair = try await Pair(settings: {
            $0.routes = silent.map { Contract.route($0) }
            $0.wholeAnswers = "auto"
            $0.timeouts = "{}"
        }) { call in
            silent.first { Contract.route($0) == call.model }.map {
                player.play($0, for: call, text: Contract.textOfP)
            } ?? Answer.good(call)
        }
        let replies = silent.flatMap { fault in [(fault, false), (fault, true)] }
        let flaws = try await flawsOfEach(replies, atATime: 20) { fault, stream in
            let reply = try await pair.chat(Contract.route(fault), stream: stream)
            print(
                "silent \(fault.name) \(stream ? "stream" : "whole"): \(reply.elapsed / .milliseconds(1)) ms")
            return reply.flaws(asAnswerOfFWithin: .seconds(6)).of("\(fault.name) \(stream)")
        }
        try requireFlawless(try await flaws + pair.aftermath())
    }
}
