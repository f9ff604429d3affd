import Foundation
import Wall

/// A gateway with a provider P that misbehaves and a provider F that does not: the setting of most faults.
struct Pair {
    /// The configuration of the gateway.
    struct Settings {
        /// Limits of the routes that are quick to test.
        var timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 1s, total: 20s }"
        /// How whole answers are asked for; most tests are about what a provider makes of a request for a whole one.
        var wholeAnswers = "plain"
        /// More settings of each route, as lines of YAML without indentation.
        var lines: [String] = []
        /// More settings of P, as members of a mapping in YAML.
        var provider = "api_key: sk-wall-primary-key-0123456789"
        /// More settings of F.
        var fallback = "api_key: sk-wall-fallback-key-0123456789"
        /// More settings of P's targets, as members of a mapping in YAML that begin with a comma.
        var primaryTarget = ""
        /// More settings of F as a target, as members of a mapping in YAML that begin with a comma.
        var fallbackTarget = ""
        /// Whether the routes know F.
        var withFallback = true
        /// Names of routes besides `chat`, whose model at P has the same name, so that P can tell them apart.
        var routes: [String] = []
        /// More models of P behind the route `chat`, after its first.
        var more: [String] = []
        /// More settings of the server, as members of a mapping in YAML.
        var server = ""
        /// Who may ask, as members of a mapping in YAML; empty for everybody.
        var authorization = ""
        /// The number of event loops; nil for one on each processor.
        var threads: Int?
        /// Variables of the gateway's environment.
        var environment: [String: String] = [:]
        /// The base URLs of P and F.
        var primaryURL = "", fallbackURL = ""

        /// The configuration file.
        var text: String {
            """
            server: { \(threads.map { "threads: \($0)," } ?? "") \(server) }
            \(authorization.isEmpty ? "" : "auth: { \(authorization) }")
            logging: { level: info, access: false }
            providers:
              p: { kind: openai, base_url: "\(primaryURL)", \(provider) }
              f: { kind: openai, base_url: "\(fallbackURL)", \(fallback) }
            models:
            \((["chat", "healthy"] + routes).map(route).joined(separator: "\n"))
            """
        }

        private func route(_ name: String) -> String {
            let isChat = name == "chat", isHealthy = name == "healthy"
            let models = [isChat ? "p-1" : name] + (isChat ? more : [])
            var targets = models.map { "      - { provider: p, model: \($0)\(primaryTarget) }" }
            if withFallback || isHealthy {
                targets.append("      - { provider: f, model: \(isChat ? "f-1" : name)\(fallbackTarget) }")
            }
            return
                (["  \(name):", "    targets:"] + targets + [
                    "    timeouts: \(timeouts)", "    whole_answers: \(wholeAnswers)",
                ]
                + lines.map { "    " + $0 }).joined(separator: "\n")
        }
    }

    let primary: Wall
    let fallback: Wall
    let gateway: GatewayProcess
    let settings: Settings

    /// Starts all three. Both providers answer the model `healthy` well, whatever their scripts say.
    ///
    /// - Parameters:
    ///   - places: The share of the stage that the test takes.
    ///   - change: Changes the settings.
    ///   - onConnect: What P does as soon as a connection is accepted.
    ///   - fallback: What F does for a request.
    ///   - script: What P does for a request.
    init(
        places: Int = 1, settings change: (inout Settings) -> Void = { _ in },
        onConnect: @escaping @Sendable (Int) -> [Wall.Act]? = { _ in nil },
        fallback: @escaping @Sendable (Wall.Call) -> [Wall.Act] = {
            Answer.good($0, Pair.answerOfF, model: "f-1")
        },
        _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]
    ) async throws {
        primary = Wall(onConnect: onConnect) { $0.isHealthCheck ? Answer.good($0) : script($0) }
        self.fallback = Wall { $0.isHealthCheck ? Answer.good($0) : fallback($0) }
        let port = try await primary.start(), fallbackPort = try await self.fallback.start()
        var settings = Settings()
        settings.primaryURL = "http://127.0.0.1:\(port)/v1"
        settings.fallbackURL = "http://127.0.0.1:\(fallbackPort)/v1"
        change(&settings)
        self.settings = settings
        gateway = try await GatewayProcess(settings.text, environment: settings.environment, places: places)
    }

    /// What P and F say when they answer.
    static let answerOfP = "Hello from the wall.", answerOfF = "Hello from F."

    func chat(
        _ model: String = "chat", stream: Bool = false, more: String = "", limit: Duration = .seconds(20)
    )
        async throws -> Client.Reply
    {
        try await Client.chat(gateway.port, model: model, stream: stream, more: more, limit: limit)
    }

    /// Sends that many requests at once, whose `user` is their number.
    func chats(_ count: Int, _ model: String = "chat", stream: Bool = false) async throws -> [Client.Reply] {
        try await withThrowingTaskGroup(of: (Int, Client.Reply).self) { tasks in
            for user in 0..<count {
                tasks.addTask { (user, try await chat(model, stream: stream, more: #","user":"\#(user)""#)) }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Sends a request and does not wait for the reply.
    func begin(_ model: String = "chat", stream: Bool = false, more: String = "") async throws -> Line {
        try await Client.begin(gateway.port, model: model, stream: stream, more: more)
    }

    /// The connections to P that its callers hold open, whether P looks at them or not.
    var connectionsToP: Int {
        URLComponents(string: settings.primaryURL)?.port.map(establishedConnections) ?? -1
    }

    /// The requests that arrived at P, those for its health left out.
    var callsToP: [Wall.Call] { primary.ledger.calls.filter { !$0.isHealthCheck } }
    /// The requests that arrived at F, those for its health left out.
    var callsToF: [Wall.Call] { fallback.ledger.calls.filter { !$0.isHealthCheck } }

    /// The requests for a model that arrived at P, and the pauses between them.
    func callsToP(for model: String, user: String = "") -> (count: Int, pauses: [Duration]) {
        let calls = callsToP.filter { $0.model == model && (user.isEmpty || $0.user == user) }
        return (calls.count, zip(calls, calls.dropFirst()).map { $1.at - $0.at })
    }

    /// Why a request was answered as it was, in one sentence.
    func why(_ reply: Client.Reply) async throws -> String {
        try await Client.decision(gateway.port, reply)["summary"] as? String ?? "there is no decision"
    }

    /// The steps of the decision about a request that concern a target, by their kinds.
    func steps(_ reply: Client.Reply, at target: String, _ kind: String = "attempt") async throws -> [[String:
        Any]]
    {
        let steps = try await Client.decision(gateway.port, reply)["steps"] as? [[String: Any]] ?? []
        return steps.filter { $0["target"] as? String == target && $0["step"] as? String == kind }
    }

    /// What is known about a target at /health, by the beginning of its label.
    func health(_ target: String = "p/p-1") async throws -> Health {
        let targets = try await Client.get(gateway.port, "/health").json["targets"] as? [[String: Any]] ?? []
        let found = targets.first { ($0["target"] as? String)?.hasPrefix(target) ?? false } ?? [:]
        return Health(
            breaker: found["breaker"] as? String ?? "unknown", cooling: found["cooling"] as? String,
            wait: (found["retry_after_ms"] as? Double).map { .milliseconds($0) })
    }

    /// The state of a target.
    struct Health {
        var breaker: String
        var cooling: String?
        var wait: Duration?
    }

    /// The value of a metric, by its whole line up to the value; 0 if it is not there.
    func metric(_ name: String) async throws -> Int {
        let lines = try await Client.get(gateway.port, "/metrics").body.split(separator: "\n")
        return lines.first { $0.hasPrefix(name + " ") }.flatMap { Double($0.dropFirst(name.count + 1)) }.map {
            Int($0)
        } ?? 0
    }

    /// What the fault left behind; empty if the gateway is as well as before: it runs, a healthy call passes within a
    /// second, and no request is left.
    func aftermath(within limit: Duration = .seconds(1)) async throws -> [String] {
        var flaws: [String] = []
        if !gateway.isRunning { flaws.append("the gateway has ended: \(gateway.standardError.suffix(500))") }
        let reply = try await chat("healthy")
        if reply.status != 200 {
            flaws.append("a healthy call is answered with \(reply.status): \(reply.body)")
        }
        if reply.elapsed > limit { flaws.append("a healthy call takes \(reply.elapsed)") }
        let isQuiet = try await eventually {
            // The question itself is a request.
            try await Client.get(gateway.port, "/health").json["requests"] as? Int == 1
        }
        if !isQuiet { flaws.append("requests are left") }
        return flaws
    }
}

extension Wall.Call {
    /// Whether it is a call by which a test sees that the gateway is well.
    var isHealthCheck: Bool { model == "healthy" }
}
