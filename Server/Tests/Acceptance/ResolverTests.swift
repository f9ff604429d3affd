import Foundation
import Testing
import Wall

/// Names that cannot be looked up, not at once, or to more than one address (F3).
///
/// The machine's resolver cannot be made to fail or to be slow, so a few lines of C stand in for it, put before the
/// system's by the dynamic loader.
@Suite(.tags(.measuresTime)) struct Resolvers {
    private static let standIn = #"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <netdb.h>
        #include <stdatomic.h>
        #include <string.h>
        #include <unistd.h>

        typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

        static int join(lookup real, const char **names, const char *port, const struct addrinfo *hints,
                        struct addrinfo **result) {
            struct addrinfo **end = result;
            *result = 0;
            for (; *names; names++) {
                if (real(*names, port, hints, end)) { *end = 0; continue; }
                while (*end) end = &(*end)->ai_next;
            }
            return *result ? 0 : EAI_NONAME;
        }

        int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
                        struct addrinfo **result) {
            static atomic_int moves;
            lookup real = (lookup)dlsym(RTLD_NEXT, "getaddrinfo");
            const char *good[] = {"127.0.0.1", 0}, *other[] = {"127.0.0.2", 0};
            const char *many[] = {"::1", "127.0.0.2", "127.0.0.3", "127.0.0.1", 0};
            if (!name) return real(name, port, hints, result);
            if (!strcmp(name, "nxdomain.test")) return EAI_NONAME;
            if (!strcmp(name, "servfail.test")) return EAI_AGAIN;
            if (!strcmp(name, "fail.test")) return EAI_FAIL;
            if (!strcmp(name, "nothing.test")) return EAI_NODATA;
            if (!strcmp(name, "slow.test")) { sleep(5); return EAI_AGAIN; }
            if (!strcmp(name, "good.test")) return join(real, good, port, hints, result);
            if (!strcmp(name, "many.test")) return join(real, many, port, hints, result);
            if (!strcmp(name, "moves.test"))
                return join(real, atomic_fetch_add(&moves, 1) ? good : other, port, hints, result);
            return real(name, port, hints, result);
        }
        """#

    struct NotCompiled: Error {}

    /// A gateway that looks names up by the stand-in.
    private final class Names: Sendable {
        let primary = Wall { Answer.good($0) }
        let fallback = Wall {
            Answer.good($0, $0.isHealthCheck ? Pair.answerOfP : Pair.answerOfF, model: "f-1")
        }
        let gateway: GatewayProcess
        private let directory: URL

        init(_ host: String, fallbackHost: String = "127.0.0.1", withFallback: Bool = true) async throws {
            directory = FileManager.default.temporaryDirectory.appendingPathComponent(
                "names-\(UUID().uuidString)")
            let library = try await Names.library(in: directory)
            let port = try await primary.start(), fallbackPort = try await fallback.start()
            var settings = Pair.Settings()
            settings.primaryURL = "http://\(host):\(port)/v1"
            settings.fallbackURL = "http://\(fallbackHost):\(fallbackPort)/v1"
            settings.withFallback = withFallback
            settings.threads = 1
            settings.lines = BadAnswers.neverOpens
            // The healthy route needs no name.
            let text = settings.text.replacingOccurrences(
                of: "{ provider: p, model: healthy }", with: "{ provider: h, model: healthy }"
            )
            .replacingOccurrences(
                of: "models:\n",
                with: "  h: { kind: openai, base_url: \"http://127.0.0.1:\(port)/v1\" }\nmodels:\n")
            gateway = try await GatewayProcess(text, environment: ["LD_PRELOAD": library])
        }

        deinit { try? FileManager.default.removeItem(at: directory) }

        private static func library(in directory: URL) async throws -> String {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let source = directory.appendingPathComponent("names.c")
            let library = directory.appendingPathComponent("names.so")
            try Data(standIn.utf8).write(to: source)
            // Swift brings its own clang.
            let compiler = Process()
            compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            compiler.arguments = ["clang", "-shared", "-fPIC", "-o", library.path, source.path, "-ldl"]
            guard try await compiler.finish().status == 0 else { throw NotCompiled() }
            return library.path
        }

        func chat(_ model: String = "chat", stream: Bool = false) async throws -> Client.Reply {
            try await Client.chat(gateway.port, model: model, stream: stream)
        }

        func why(_ reply: Client.Reply) async throws -> String {
            try await Client.decision(gateway.port, reply)["summary"] as? String ?? "nothing"
        }
    }

    @Test(arguments: ["nxdomain.test", "servfail.test", "fail.test", "nothing.test", "no-such-host.invalid"])
    func `F3: a name that cannot be looked up is a failure of that provider, and F answers`(host: String)
        async throws
    {
        try requireFlawless(try await Self.flawsOfF3(Names(host)))
    }

    private static func flawsOfF3(_ names: Names) async throws -> [String] {
        var flaws = Flaws()
        for stream in [false, true] {
            let reply = try await names.chat(stream: stream)
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
            let why = try await names.why(reply)
            flaws.expect(why == "p/p-1 failed (system_error, unknown_host); f answered", "it says: \(why)")
        }
        flaws.expect(names.primary.ledger.lines.isEmpty, "P was reached")
        flaws += try await names.chat("healthy").flaws(asAnswerOf: "h", Pair.answerOfP, within: .seconds(1))
        return flaws.texts
    }

    @Test func `F3: control: the check finds fault without another provider, and with a name that is known`()
        async throws
    {
        let alone = try await Self.flawsOfF3(Names("nxdomain.test", withFallback: false))
        #expect(alone.contains { $0.hasPrefix("the status is 502") }, "\(alone)")
        let known = try await Self.flawsOfF3(Names("good.test"))
        #expect(known.contains { $0 == "P was reached" }, "\(known)")
    }

    @Test(arguments: [false, true])
    func `F3: of several addresses one that answers is enough`(stream: Bool) async throws {
        let names = try await Names("many.test")
        let reply = try await names.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)))
        let why = try await names.why(reply)
        #expect(names.fallback.ledger.calls.isEmpty, "F was asked: \(why)")
    }

    @Test func `F3: a name whose address changes is looked up anew`() async throws {
        let names = try await Names("moves.test")
        try requireFlawless(try await names.chat().flaws(asAnswerOfFWithin: .seconds(1)))
        try requireFlawless(try await names.chat().flaws(asAnswerOfPWithin: .seconds(1)))
    }

    @Test(arguments: [false, true])
    func `F3: a look-up that takes long is given up at the limit and holds nobody else up`(stream: Bool)
        async throws
    {
        let names = try await Names("slow.test")
        async let slow = (0..<4).asyncReplies { _ in try await names.chat(stream: stream) }
        var slowest = Duration.zero
        for _ in 0..<20 {
            let reply = try await names.chat("healthy", stream: stream)
            try requireFlawless(reply.flaws(asAnswerOf: "h", Pair.answerOfP, within: .milliseconds(900)))
            slowest = max(slowest, reply.elapsed)
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(slowest < .milliseconds(900), "a call that looks nothing up took \(slowest)")
        for reply in try await slow {
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(1800)))
        }
    }

    @Test func `F3: a look-up that takes long does not hold up that of another name`() async throws {
        let names = try await Names("slow.test", fallbackHost: "good.test")
        try requireFlawless(try await names.chat().flaws(asAnswerOfFWithin: .milliseconds(1800)))
    }
}

extension Range<Int> {
    /// Makes as many calls at once.
    func asyncReplies(_ call: @escaping @Sendable (Int) async throws -> Client.Reply) async throws -> [Client
        .Reply]
    {
        try await withThrowingTaskGroup(of: Client.Reply.self) { tasks in
            for number in self { tasks.addTask { try await call(number) } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
    }
}
