import Foundation
import Testing
import Wall

@testable import WallTool

/// The wall as a tool: its faults by name, its scripts and its ledger.
@Suite(.tags(.measuresTime)) struct Tools {
    /// Sends a request on a connection of its own.
    ///
    /// - Returns: What came until the connection ended or nothing more is expected.
    private static func ask(_ port: Int, _ method: String, _ path: String, _ body: String = "") async throws
        -> String
    {
        let probe = try await Probe.connect(port)
        let head = "\(method) \(path) HTTP/1.1\r\nhost: wall\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
        try await probe.send(Array((head + body).utf8))
        let received = try await probe.wait(.seconds(5)) { $0.endedAt != nil || isWhole($0.bytes) }
        probe.close()
        return String(decoding: received.bytes, as: UTF8.self)
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.hasSuffix("\r\n0\r\n\r\n") { return true }
        guard let match = text.firstMatch(of: #/content-length: (\d+)\r\n/#),
            let end = text.range(of: "\r\n\r\n"), let length = Int(match.1)
        else { return false }
        return text[end.upperBound...].utf8.count >= length
    }

    private static func chat(_ port: Int, _ model: String, stream: Bool = false, user: String = "u")
        async throws -> String
    {
        let body = #"{"model":"\#(model)","user":"\#(user)","stream":\#(stream)}"#
        return try await ask(port, "POST", "/v1/chat/completions", body)
    }

    private static func ledger(_ port: Int) async throws -> [String: Any] {
        let text = try await ask(port, "GET", "/ledger")
        let body = text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
        return try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] ?? [:]
    }

    @Test func `the model's name says what becomes of a request, and the ledger what became of it`()
        async throws
    {
        let provider = ScriptedProvider(), desk = ControlDesk(provider)
        let port = try await provider.wall.start(), control = try await desk.wall.start()
        let good = try await Self.chat(port, "good", user: "ann")
        #expect(good.hasPrefix("HTTP/1.1 200") && good.contains(Fault.text))
        let begun = ContinuousClock.now
        #expect(try await Self.chat(port, "slow-200", stream: true, user: "ann").contains("[DONE]"))
        #expect(ContinuousClock.now - begun >= .milliseconds(200))
        let broken = try await Self.chat(port, "fault-F33-close", stream: true, user: "ben")
        #expect(broken.contains("w39") && !broken.contains("w40") && !broken.contains("[DONE]"))
        #expect(try await Self.chat(port, "gpt-9").hasPrefix("HTTP/1.1 404"))
        #expect(try await Self.ask(port, "GET", "/v1/models").contains("fault-F33-close"))

        let ledger = try await Self.ledger(control)
        #expect(ledger["charges"] as? [String: Int] == ["ann": 2])
        let calls = ledger["calls"] as? [[String: Any]] ?? []
        #expect(
            calls.prefix(4).map { $0["model"] as? String } == [
                "good", "slow-200", "fault-F33-close", "gpt-9",
            ])
        let lines = ledger["connections"] as? [[String: Any]] ?? []
        #expect(lines.count == 5 && lines[0]["bytes_sent"] as? Int == good.utf8.count)
        #expect(lines[2]["closed_by_peer"] as? Bool == false && lines[2]["closed_at_ms"] is Double)

        #expect(try await Self.ask(control, "POST", "/reset").hasPrefix("HTTP/1.1 200"))
        let empty = try await Self.ledger(control)
        #expect((empty["calls"] as? [Any])?.count == 0 && (empty["charges"] as? [String: Int]) == [:])
    }

    @Test func `a script given at the control port is played for its model until it is reset`() async throws {
        let provider = ScriptedProvider(), desk = ControlDesk(provider)
        let port = try await provider.wall.start(), control = try await desk.wall.start()
        let script = #"[{"send":"HTTP/1.1 200 OK\r\n"},{"wait_ms":50},{"send_hex":"580d0A"},{"reset":true}]"#
        let told = try await Self.ask(control, "POST", "/script/my-model", script)
        #expect(told.hasPrefix("HTTP/1.1 200") && told.contains(#"{"acts":4}"#))
        #expect(try await Self.chat(port, "my-model").hasPrefix("HTTP/1.1 200 OK\r\n"))
        _ = try await Self.ask(control, "POST", "/reset")
        #expect(try await Self.chat(port, "my-model").hasPrefix("HTTP/1.1 404"))
        #expect(try await Self.ask(control, "GET", "/").hasPrefix("HTTP/1.1 404"))
    }

    @Test(arguments: [
        "", "{}", "[1]", "[{}]", #"[{"send":1}]"#, #"[{"wait_ms":-1}]"#, #"[{"send_hex":"0"}]"#,
        #"[{"send_hex":"zz"}]"#, #"[{"reset":false}]"#, #"[{"send":"a","reset":true}]"#, #"[{"flood":"a"}]"#,
    ])
    func `a script that is none is refused with its place`(script: String) {
        #expect(throws: ByteScript.Flaw.self) { try ByteScript.read(script) }
    }

    @Test func `every act can be written as a script`() throws {
        let acts = try ByteScript.read(
            #"[{"send":"ä"},{"send_hex":"0d0a"},{"wait_ms":1.5},{"flood":"ab","times":3},{"finish":true},"#
                + #"{"reset":true},{"hang":true},{"stop_reading":true}]"#)
        let words = acts.map(\.description)
        #expect(
            words == [
                "send 2 bytes", "send 2 bytes", "wait 0.0015 seconds", "send 2 bytes 3 times", "finish",
                "reset",
                "hang", "stop reading",
            ])
    }

    @Test(arguments: [false, true])
    func `each fault can be played, and those that are right in the end are charged`(stream: Bool)
        async throws
    {
        let provider = ScriptedProvider(), port = try await provider.wall.start()
        let faults = Fault.all.filter { $0.traits.isDisjoint(with: [.long, .heavy]) }
        for fault in faults {
            let isLater = fault.about.contains("then right")
            for _ in 0..<(isLater ? 2 : 1) {
                let text = try await Self.chat(port, fault.model, stream: stream, user: fault.name)
                #expect(!text.isEmpty || fault.number == 5, "\(fault.name)")
            }
        }
        let charges = provider.wall.ledger.calls.charges
        for fault in faults where fault.traits.contains(.right) {
            #expect(charges[fault.name] == 1, "\(fault.name)")
        }
    }

    @Test func `the list names every fault with its sentence`() {
        let lines = Tool.table.split(separator: "\n")
        #expect(lines.count == Fault.all.count + 2)
        for fault in Fault.all {
            #expect(lines.contains { $0.hasPrefix(fault.model + " ") && $0.contains(fault.about) })
        }
    }
}
