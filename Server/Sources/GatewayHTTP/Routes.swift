public import Gateway

/// Builds the table of everything that the gateway serves.
public enum Routes {
    /// The switch for faults of the demonstration's providers.
    public struct Demo: Sendable {
        /// The names of the providers.
        public var providers: [String]
        /// The names of the faults.
        public var modes: [String]
        /// Sets a fault: nil if the provider is unknown, false if the mode is.
        public var set: @Sendable (_ provider: String, _ mode: String) -> Bool?

        /// Creates a switch.
        public init(providers: [String], modes: [String], set: @escaping @Sendable (String, String) -> Bool?)
        {
            self.providers = providers
            self.modes = modes
            self.set = set
        }
    }

    private static let json: [StaticString] = ["application/json"]

    private struct Listed: Encodable {
        var method: String
        var path: String
        var access: String
    }

    /// - Parameters:
    ///   - maximumBody: The largest chat request, in bytes.
    ///   - startedAt: When the gateway was started, in seconds since 1970.
    public static func table(
        gateway: Gateway, metrics: PrometheusRegistry, activity: FrontActivity, maximumBody: Int,
        startedAt: Int64, demo: Demo?
    ) -> RouteTable {
        let chat = ChatCompletions(gateway: gateway)
        let models = Models(gateway: gateway, startedAt: startedAt)
        let health = Health(gateway: gateway, activity: activity)
        let page = MetricsPage(registry: metrics, gateway: gateway, activity: activity)
        let decisions = Decisions(gateway: gateway)
        let targets = Targets(gateway: gateway)
        let feedback = Feedback(gateway: gateway)
        var entries: [RouteTable.Entry] = [
            .init(
                "POST", .exactly("/v1/chat/completions"), .caller, maximumBody: maximumBody, mediaTypes: json
            ) {
                await chat.run($0)
            },
            .init("GET", .exactly("/v1/models"), .caller) { await models.run($0) },
            .init("GET", .exactly("/livez"), .open) { await health.live($0) },
            .init("GET", .exactly("/readyz"), .open) { await health.ready($0) },
            .init("GET", .exactly("/health"), .administrator) { await health.health($0) },
            .init("GET", .exactly("/metrics"), .administrator) { await page.run($0) },
            .init("GET", .under("/decisions"), .caller) { await decisions.run($0) },
            .init("GET", .exactly("/targets"), .administrator) { await targets.run($0) },
            .init(
                "POST", .exactly("/v1/feedback"), .caller, maximumBody: Feedback.maximumBody, mediaTypes: json
            ) {
                await feedback.run($0)
            },
        ]
        if let demo {
            let faults = DemoFaults(set: demo.set, providers: demo.providers, modes: demo.modes)
            entries.append(
                .init("POST", .under("/demo/faults"), .administrator, maximumBody: 4096, mediaTypes: json) {
                    await faults.run($0)
                })
        }
        let listed =
            entries.map { Listed(method: "\($0.method)", path: "\($0.path)", access: $0.access.rawValue) }
            + [Listed(method: "GET", path: "/admin/routes", access: RouteTable.Access.administrator.rawValue)]
        entries.append(.init("GET", .exactly("/admin/routes"), .administrator) { await $0.sendJSON(listed) })
        return RouteTable(entries, errors: .openAI)
    }
}
