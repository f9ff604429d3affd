import Foundation
import Gateway
import GatewayHTTP
import Generation
import Logging
import NIOPosix
import Resilience
import Testing
import Upstream

@testable import holdfast

/// Models that callers name as PROVIDER/MODEL, which no configuration knows.
@Suite struct DirectNamesTests {
    private static let group = MultiThreadedEventLoopGroup.singleton
    private let assembly = Assembly(
        client: UpstreamClient(group: group, executors: LoopExecutors(group), proxy: nil),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

    private func apply() throws {
        try assembly.apply(
            EnvironmentConfiguration.read(["OPENAI_API_KEY": "sk-1", "OPENROUTER_API_KEY": "sk-2"]))
    }

    @Test func `the first request for a direct name finds a route, before and after a reload`() throws {
        try apply()
        let route = try #require(assembly.gateway.route(for: "openai/gpt-6-luna"))
        #expect(route.settings.targets.map(\.name) == ["openai/gpt-6-luna"])
        #expect(assembly.gateway.route(for: "openai/gpt-6-luna") === route)
        try apply()
        let after = try #require(assembly.gateway.route(for: "openai/gpt-6-luna"))
        #expect(after.settings.targets[0].health[0] === route.settings.targets[0].health[0])
    }

    @Test func `all who ask for a new name at once get the same route`() async throws {
        try apply()
        let gateway = assembly.gateway
        for number in 0..<200 {
            let routes = await withTaskGroup(of: ObjectIdentifier?.self) { tasks in
                for _ in 0..<8 {
                    tasks.addTask { gateway.route(for: "openai/m\(number)").map { ObjectIdentifier($0) } }
                }
                return await tasks.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(routes.count == 1 && !routes.contains(nil))
        }
    }

    @Test(arguments: ["openai", "openai/", "/gpt", "groq/x", "alpha/alpha-1", "beta/x", "nobody/x", ""])
    func `only models of providers with a key can be named directly`(name: String) throws {
        try apply()
        #expect(assembly.gateway.route(for: name) == nil)
    }

    @Test func `a slash in the model's name is a part of it`() throws {
        try apply()
        let route = try #require(assembly.gateway.route(for: "openrouter/openai/gpt-6-luna"))
        #expect(route.settings.targets[0].model == "openai/gpt-6-luna")
    }

    @Test func `the names shown to callers are those that can be asked, and never none`() throws {
        for variable in [nil] + KnownVendor.all.map(\.keyVariable) {
            try assembly.apply(EnvironmentConfiguration.read(variable.map { [$0: "sk-1"] } ?? [:]))
            let names = assembly.gateway.routes.names
            #expect(names.first == "demo")
            for name in names { #expect(assembly.gateway.route(for: name) != nil, "\(name)") }
        }
    }

    @Test func `names made up by callers fill neither the metrics nor the list of targets`() throws {
        try apply()
        for number in 0..<6000 { _ = assembly.gateway.route(for: "openai/m\(number)") }
        let targets = assembly.gateway.targets
        #expect(targets.all.count <= 4096)
        #expect(targets.measured.count <= 100 + 3, "the demonstration's and the first 100 of the callers'")
        let page = assembly.registry.text([])
        #expect(page.contains(#"target="openai/m0""#) && page.contains(#"target="openai/*""#))
        #expect(!page.contains(#"target="openai/m5999""#))
        // The demonstration's, which were there before, are known as before.
        #expect(targets.measured.map(\.label).filter { $0.hasPrefix("alpha") } == ["alpha/alpha-1"])
    }

    @Test func `a name made up later is counted with its provider`() throws {
        let metrics = GatewayMetrics(PrometheusRegistry(help: [:]))
        for number in 0..<100 { #expect(metrics.name(ofTarget: "p/\(number)", of: "p") == "p/\(number)") }
        #expect(metrics.name(ofTarget: "p/100", of: "p") == "p/*")
        #expect(metrics.name(ofTarget: "p/7", of: "p") == "p/7", "one that is known stays known")
    }

    @Test func `of many values those asked for last are kept`() {
        var values = RecentValues<Int>(capacity: 10), most = 0, missing: [Int] = []
        for number in 0..<1000 {
            values.insert(number, for: "\(number)")
            most = max(most, values.count)
            if values["0"] == nil { missing.append(number) }
        }
        #expect(missing.isEmpty, "what is asked for again and again stays")
        #expect(most <= 10)
        #expect(values["999"] == 999 && values["997"] == 997 && values["900"] == nil)
    }
}
