import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

/// Where a session's target stands in the order.
@Suite struct RouteSessionsTests {
    private let stage = RouteStage()

    @Test(arguments: [Strategy.priority, .adaptive])
    func `a session's target comes first, whatever another one is worth`(strategy: Strategy) {
        let route = stage.route(strategy)
        #expect(stage.order(route) == ["a", "b", "c"])
        stage.answer(route, by: "c")
        #expect(stage.order(route) == ["c", "a", "b"])
        #expect(stage.select(route).session?.isKept == true)
    }

    @Test func `a session goes on at the target that answered it last`() {
        let route = stage.route(.priority)
        for (answered, first) in [("b", "b"), ("c", "c"), ("a", "a")] {
            stage.answer(route, by: answered)
            #expect(stage.order(route).first == first)
        }
    }

    @Test func `a session's target has limits like the first of any order`() {
        let route = stage.route(.adaptive)
        #expect(stage.select(route).plan.order.last?.firstToken == nil)
        stage.answer(route, by: "c")
        let choice = stage.select(route).plan.order.first
        #expect(choice?.firstToken != nil && choice?.hedgeAfter != nil)
    }

    @Test func `a target below the quality that is wanted is not put first`() {
        let route = stage.route(.adaptive)
        stage.answer(route, by: "b")
        var preferences = RoutingPreferences()
        preferences.minimumQuality = 9
        #expect(stage.order(route, preferences) == ["a", "b", "c"])
        #expect(stage.select(route, preferences).session?.isKept == false)
    }

    @Test func `a target that is being probed is put first only where the strategy does not learn`() {
        for (strategy, order) in [(Strategy.adaptive, ["a", "c", "b"]), (.priority, ["b", "a", "c"])] {
            let route = stage.route(strategy)
            stage.answer(route, by: "b")
            let health = route.settings.targets[1].health[0]
            health.breaker.open()
            health.breaker.halfOpen()
            #expect(stage.order(route).first == order.first, "\(strategy)")
        }
    }

    @Test(arguments: [Strategy.priority, .adaptive])
    func `a target that cannot be asked is not put first`(strategy: Strategy) {
        let shut = stage.route(strategy), cooling = stage.route(strategy)
        for route in [shut, cooling] { stage.answer(route, by: "b") }
        shut.settings.targets[1].health[0].breaker.open()
        cooling.settings.targets[1].health[0].cool(
            for: .seconds(60), because: .authentication, at: stage.now)
        for route in [shut, cooling] { #expect(stage.order(route).first == "a") }
    }

    @Test(arguments: [Strategy.priority, .adaptive])
    func `without fallback the session's target is the only one`(strategy: Strategy) {
        let route = stage.route(strategy)
        var preferences = RoutingPreferences()
        preferences.fallback = false
        #expect(stage.order(route, preferences) == ["a"])
        stage.answer(route, by: "b")
        #expect(stage.order(route, preferences) == ["b"])
    }
}
