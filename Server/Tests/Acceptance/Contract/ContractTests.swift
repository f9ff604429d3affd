import Foundation
import Testing
import Wall

/// What a caller sees for every fault that a provider can be told to have: seen with the real binary, and written down
/// in docs/contract.md, which must say the same.
@Suite(.tags(.measuresTime)) struct Contract {
    /// Faults that only show in amounts, or on a kept connection; they have tests of their own.
    private static let leftOut: Set = ["F10", "F43-burst", "F43-tiny"]
    static let faults = Fault.all.filter { !leftOut.contains($0.name) }
    static let textOfP = Fault.text, otherText = "Something else, said by F."

    /// In what setting a fault is met.
    enum Setting: String, CaseIterable, Sendable {
        case wholeWithF = "whole, with F"
        case streamWithF = "stream, with F"
        case streamWithAgreeingF = "stream, F would say the same"
        case wholeAlone = "whole, P alone"
        case streamAlone = "stream, P alone"

        var streams: Bool { self != .wholeWithF && self != .wholeAlone }
        var isAlone: Bool { self == .wholeAlone || self == .streamAlone }
        var textOfF: String { self == .streamWithAgreeingF ? Contract.textOfP : Contract.otherText }
    }

    /// A gateway in one of the settings, with a route of its own for every fault.
    static func pair(
        _ setting: Setting, _ faults: [Fault] = Contract.faults, repeats: Int = 1
    ) async throws -> Pair {
        let player = FaultPlayer()
        let byRoute = Dictionary(
            uniqueKeysWithValues: faults.flatMap { fault in
                (0..<repeats).map { (route(fault, $0), fault) }
            })
        return try await Pair(
            settings: {
                $0.routes = byRoute.keys.sorted()
                $0.wholeAnswers = "auto"
                $0.withFallback = !setting.isAlone
                $0.timeouts = "{ connect: 2s, first_token: 2s, idle: 2s, total: 8s }"
            }, fallback: { Answer.good($0, setting.textOfF, model: "f-1") }
        ) { call in
            byRoute[call.model].map { player.play($0, for: call, text: textOfP) }
                ?? Answer.good(call, textOfP)
        }
    }

    static func route(_ fault: Fault, _ turn: Int = 0) -> String { "\(fault.model)-\(turn)" }

    /// What the caller saw, in words; a flaw if it is what nobody may ever see.
    static func words(_ reply: Client.Reply, _ setting: Setting, askedF: Bool) -> (
        words: String, flaw: String?
    ) {
        if reply.status != 200 {
            let code = reply.errorCode ?? "none"
            return ("error \(reply.status) `\(code)`", reply.isWellEnded ? nil : "an error without its end")
        }
        let isAnswer = reply.isWellEnded && (!reply.isStream || reply.hasFinish && reply.hasDone)
        guard reply.isStream == setting.streams else {
            return ("", "not what was asked for: \(reply.text.prefix(200))")
        }
        if isAnswer {
            switch (reply.answer, reply.field("x-holdfast-provider")) {
            case (textOfP, "p"): return (askedF ? "P's answer, mended by F" : "P's answer", nil)
            case (setting.textOfF, "f"): return ("F's answer", nil)
            default: return ("", "a wrong answer as a success: \(reply.answer.prefix(300))")
            }
        }
        let flaws = reply.flaws(asBrokenStreamAfter: reply.answer, within: .seconds(10))
        let isPart = textOfP.hasPrefix(reply.answer) || reply.answer.hasPrefix(textOfP)
        guard flaws.isEmpty, isPart else { return ("", "a stream that is broken and told badly: \(flaws)") }
        return ("a part, then error event `\(reply.errorCode ?? "none")`", nil)
    }

    private static func column(_ setting: Setting) async throws -> (cells: [String: String], flaws: [String])
    {
        let pair = try await pair(setting)
        let found = Box<[String: String]>([:])
        let flaws = try await flawsOfEach(faults, atATime: 16) { fault in
            let reply = try await pair.chat(route(fault), stream: setting.streams)
            let askedF = pair.callsToF.contains { $0.model == route(fault) }
            let (words, flaw) = Self.words(reply, setting, askedF: askedF)
            found.change { $0[fault.name] = words }
            return flaw.map { ["\(fault.name), \(setting.rawValue): \($0)"] } ?? []
        }
        return (found.value, try await flaws + pair.aftermath())
    }

    @Test func `docs contract says what a caller sees for each fault, in every setting`() async throws {
        var columns: [Setting: [String: String]] = [:]
        for setting in Setting.allCases {
            let (cells, flaws) = try await Self.column(setting)
            try requireFlawless(flaws)
            columns[setting] = cells
        }
        let page = ContractPage.text(columns),
            file = GatewayProcess.root.appendingPathComponent("docs/contract.md")
        if ProcessInfo.processInfo.environment["HOLDFAST_WRITE_CONTRACT"] != nil {
            try Data(page.utf8).write(to: file)
        }
        let known = String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
        let lines = Set(known.split(separator: "\n"))
        for line in page.split(separator: "\n") where !lines.contains(line) {
            Issue.record("docs/contract.md does not say: \(line)\n(HOLDFAST_WRITE_CONTRACT=1 writes it anew)")
        }
        #expect(
            lines.count == Set(page.split(separator: "\n")).count, "docs/contract.md says more than was seen")
    }
}

/// The page that tells callers what they see.
enum ContractPage {
    static func text(_ columns: [Contract.Setting: [String: String]]) -> String {
        let settings = Contract.Setting.allCases
        let head = "| fault | what P does | " + settings.map(\.rawValue).joined(separator: " | ") + " |"
        let rule = "|" + String(repeating: "---|", count: settings.count + 2)
        let rows = Contract.faults.map { fault in
            "| \(fault.name) | \(fault.about.replacing("|", with: "\\|")) | "
                + settings.map { columns[$0]?[fault.name] ?? "" }.joined(separator: " | ") + " |"
        }
        return introduction + ([head, rule] + rows).joined(separator: "\n") + "\n"
    }

    private static let introduction = """
        # What a caller sees

        A request has two targets: P, which has the fault, and F, which is well; or P alone. Each cell is what a caller
        saw of the real binary on real sockets. The page is written by a test
        (`HOLDFAST_WRITE_CONTRACT=1 swift test --package-path Server --filter Contract`), and the tests fail when it says something
        else than what they see.

        The limits of these runs are shorter than the defaults: 2 s for the first token while F could
        be asked, 2 s between two, 8 s in all.
        A *part* is a beginning of the answer. It is followed by one typed error event, and by neither a finish reason nor
        `[DONE]`. *Mended* means that P's stream broke, F was asked from scratch and said the same, and the rest of its answer
        followed under P's identity. Whole answers are asked for as streams, which is the default.

        What is not in this table has tests of its own: connections that are refused, never accepted or fail in TLS (F1-F4, F11,
        F12), callers that leave, half-close or do not read (F51-F55), and what many requests do together (F60-F71).


        """
}
