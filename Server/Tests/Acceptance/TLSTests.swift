import Foundation
import Testing
import Wall

/// Providers over TLS: whom the gateway trusts, and what it does when it must not.
@Suite(.tags(.measuresTime)) struct TLS {
    /// An authority of the test's own, and certificates that it made.
    final class Authority: Sendable {
        let directory: URL

        init() throws {
            directory = FileManager.default.temporaryDirectory.appendingPathComponent(
                "holdfast-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"
            )
        }

        deinit { try? FileManager.default.removeItem(at: directory) }

        var path: String { directory.appendingPathComponent("ca.pem").path }

        /// The files of a certificate for these names.
        func certificate(_ names: String, days: Int = 1) throws -> (chain: String, key: String) {
            let name = UUID().uuidString
            try "subjectAltName=\(names)".write(
                to: directory.appendingPathComponent("\(name).ext"), atomically: true, encoding: .utf8)
            try openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key -out \(name).csr -subj /CN=provider"
            )
            try openssl(
                "x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) -extfile \(name).ext -out \(name).pem"
            )
            return (
                directory.appendingPathComponent("\(name).pem").path,
                directory.appendingPathComponent("\(name).key").path
            )
        }

        private func openssl(_ arguments: String) throws {
            let process = Process(), pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["openssl"] + arguments.split(separator: " ").map(String.init)
            process.currentDirectoryURL = directory
            process.standardOutput = pipe
            process.standardError = pipe
            try process.startAlone()
            let output = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0, "\(String(decoding: output, as: UTF8.self))")
        }
    }

    /// A gateway whose P is a wall with that certificate.
    private static func pair(
        _ wall: Wall, _ certificate: (chain: String, key: String)?, trusting file: String?
    )
        async throws -> Pair
    {
        let port = try await wall.start(certificate: certificate)
        return try await Pair(settings: {
            $0.primaryURL = "https://127.0.0.1:\(port)/v1"
            if let file { $0.provider += ", ca_file: \"\(file)\"" }
        }) { _ in [] }
    }

    @Test(arguments: ["IP:127.0.0.1", "IP:127.0.0.1,DNS:example.com"])
    func `a provider with a certificate of an authority that was given is trusted`(names: String) async throws
    {
        let authority = try Authority(), wall = Wall { Answer.good($0) }
        let pair = try await Self.pair(wall, authority.certificate(names), trusting: authority.path)
        for stream in [false, true, false] {
            try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(2)))
        }
        #expect(wall.ledger.lines.count <= 2, "connections are kept, one on each event loop")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F11: a certificate that is not to be trusted leads to F, and nothing is sent`() async throws {
        let authority = try Authority(), other = try Authority()
        for (name, certificate, file) in [
            ("another name", try authority.certificate("DNS:example.com"), authority.path),
            ("another address", try authority.certificate("IP:127.0.0.2"), authority.path),
            ("another authority", try other.certificate("IP:127.0.0.1"), authority.path),
            ("the system's trust alone", try authority.certificate("IP:127.0.0.1"), nil),
            ("expired", try authority.certificate("IP:127.0.0.1", days: -1), authority.path),
        ] as [(String, (chain: String, key: String), String?)] {
            let wall = Wall { Answer.good($0) }
            let pair = try await Self.pair(wall, certificate, trusting: file)
            let reply = try await pair.chat()
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)).of(name))
            #expect(wall.ledger.calls.isEmpty, "\(name): a request was sent")
            let step = try await pair.steps(reply, at: "p/p-1").first
            #expect(step?["cause"] as? String == "certificate", "\(name): \(step ?? [:])")
        }
    }

    @Test func `F12: a handshake that stalls or is none ends at the limit for connecting`() async throws {
        for (name, acts, isQuick) in [
            ("stalled", [.hang], false), ("closed", [.wait(.milliseconds(50)), .finish], true),
            ("plain", [.text("HTTP/1.1 400 Bad\r\n\r\n"), .hang], true),
        ] as [(String, [Wall.Act], Bool)] {
            let wall = Wall(onConnect: { _ in acts }) { _ in [] }
            let pair = try await Self.pair(wall, nil, trusting: nil)
            let reply = try await pair.chat()
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(isQuick ? 900 : 2000)).of(name))
            let steps = try await pair.steps(reply, at: "p/p-1")
            #expect(steps.count == 1 && steps.first?["phase"] as? String == "connect", "\(name): \(steps)")
            try requireFlawless(try await pair.aftermath(within: .seconds(2)))
        }
    }
}
