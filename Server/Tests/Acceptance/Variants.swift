import Foundation
import Wall

/// One form that a fault can take.
struct Variant: Sendable {
    /// What it is called; the name of its models begins with it.
    var name: String
    /// What the decision must say of it: the class and the cause.
    var means: String
    /// What P does for a request.
    var acts: @Sendable (Wall.Call) -> [Wall.Act]

    init(_ name: String, _ means: String, _ acts: @escaping @Sendable (Wall.Call) -> [Wall.Act]) {
        self.name = name
        self.means = means
        self.acts = acts
    }

    /// A variant that is one response to whatever is asked.
    init(_ name: String, _ means: String, _ response: Wall.Act) {
        self.init(name, means) { _ in [response] }
    }
}

/// All forms of a fault in one gateway. Each is asked once for a whole answer and once for a stream, by a model of its
/// own for either, so that what the gateway learns of one target does not touch another.
extension [Variant] {
    /// The names of the routes, which are also the models at P.
    var routes: [String] { flatMap { [$0.name + "-whole", $0.name + "-stream"] } }

    /// What P does for a request.
    func acts(for call: Wall.Call) -> [Wall.Act] {
        first { call.model == $0.name + "-whole" || call.model == $0.name + "-stream" }?.acts(call)
            ?? Answer.good(call)
    }

    /// Makes a check of each variant, whole and streamed, and gathers what they found.
    func flaws(
        _ check:
            @escaping @Sendable (_ variant: Variant, _ model: String, _ stream: Bool) async throws -> Flaws
    ) async throws -> [String] {
        let cases = flatMap { [($0, $0.name + "-whole", false), ($0, $0.name + "-stream", true)] }
        return try await flawsOfEach(cases) { variant, model, stream in
            try await check(variant, model, stream).texts.of(model)
        }
    }
}

/// Makes a check of each item, a few at a time, and gathers what they found.
func flawsOfEach<Item: Sendable>(
    _ items: [Item], atATime places: Int = 4, _ check: @escaping @Sendable (Item) async throws -> [String]
) async throws -> [String] {
    try await withThrowingTaskGroup(of: [String].self) { tasks in
        var flaws: [String] = []
        for (number, item) in items.enumerated() {
            if number >= places { flaws += try await tasks.next() ?? [] }
            tasks.addTask { try await check(item) }
        }
        for try await more in tasks { flaws += more }
        return flaws
    }
}

extension Pair {
    /// Starts a gateway with a route for each variant.
    init(
        _ variants: [Variant], settings change: (inout Settings) -> Void = { _ in }
    ) async throws {
        try await self.init(
            settings: {
                $0.routes = variants.routes
                change(&$0)
            }
        ) { variants.acts(for: $0) }
    }

    /// How often a model was asked for at F.
    func countAtF(_ model: String) -> Int { callsToF.count { $0.model == model } }
}
