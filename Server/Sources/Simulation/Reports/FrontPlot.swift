/// A drawing of what policies cost against how long they take, with the front: those that no other one beats at both.
struct FrontPlot {
    /// One policy.
    struct Point {
        let policy: String
        /// Seconds.
        let latency: Double
        /// Dollars for 1,000 successes.
        let cost: Double
        let isOracle: Bool
    }

    /// A rectangle that something is drawn in.
    private struct Box {
        var x, y, width, height: Double

        func meets(_ other: Box) -> Bool {
            x < other.x + other.width && other.x < x + width && y < other.y + other.height
                && other.y < y + height
        }
    }

    private let points: [Point]
    private let across: PlotAxis
    private let up: PlotAxis

    private static let (width, height) = (900.0, 460.0)
    private static let (left, right, top, bottom) = (64.0, 880.0, 30.0, 412.0)

    /// A plot of those points that have both figures.
    init(_ points: [Point]) {
        self.points = points.filter { $0.latency.isFinite && $0.cost.isFinite }.sorted {
            $0.latency < $1.latency
        }
        let latency = (self.points.map(\.latency).max() ?? 1) * 1.12
        let cost = (self.points.map(\.cost).max() ?? 1) * 1.12
        across = PlotAxis(0, latency, from: Self.left, to: Self.right, unit: "s")
        up = PlotAxis(0, cost, from: Self.bottom, to: Self.top, unit: "$")
    }

    /// The policies that are no oracles and that no other such policy beats at one figure without being worse at the
    /// other, the fastest first.
    var front: [Point] {
        var front: [Point] = []
        let rivals = points.filter { !$0.isOracle }.sorted { ($0.latency, $0.cost) < ($1.latency, $1.cost) }
        for point in rivals where front.last.map({ point.cost < $0.cost }) ?? true {
            front.append(point)
        }
        return front
    }

    /// The drawing.
    func svg(id: String) -> String {
        let front = self.front
        let names = front.map(\.policy).joined(separator: ", ")
        let path = front.enumerated().map { index, point in
            "\(index == 0 ? "M" : "L")\(Markup.coordinate(x(point))) \(Markup.coordinate(y(point)))"
        }
        var parts = grid
        if front.count > 1 {
            parts.append("<path class=\"f\" d=\"\(path.joined())\"/>")
        }
        parts += points.map { point in
            let kind = point.isOracle ? "o" : "p"
            return """
                <circle class="\(kind)" cx="\(Markup.coordinate(x(point)))" cy="\(Markup.coordinate(y(point)))" r="4.5">\
                <title>\(Markup.escaped(words(point)))</title></circle>
                """
        }
        parts += labels
        return Markup.drawing(
            id: id, width: Self.width, height: Self.height,
            title: "Cost per 1000 successes against mean latency",
            about: "One point for each policy; down and left is better. "
                + "On the front, the fastest first: \(names.isEmpty ? "none" : names). "
                + points.map(words).joined(separator: "; ") + ".", parts)
    }

    private func words(_ point: Point) -> String {
        "\(point.policy): \(SimulationFigure.latencyMean.shown(point.latency)) s, "
            + "\(SimulationFigure.costPerThousand.shown(point.cost)) $"
    }

    private func x(_ point: Point) -> Double { across.place(point.latency) }
    private func y(_ point: Point) -> Double { up.place(point.cost) }

    private var grid: [String] {
        var parts = up.rows(6, from: Self.left, to: Self.right)
        parts += across.ticks(9).flatMap { tick in
            let x = across.place(tick.value)
            return [
                Markup.line(x, Self.top, x, Self.bottom, kind: "g"),
                Markup.text(x, Self.bottom + 16, tick.text, anchor: "middle"),
            ]
        }
        parts.append(Markup.line(Self.left, Self.bottom, Self.right, Self.bottom, kind: "a"))
        parts.append(Markup.text(0, 14, "cost per 1000 successes, $", kind: "b"))
        parts.append(
            Markup.text(
                (Self.left + Self.right) / 2, Self.bottom + 36, "mean latency, s", anchor: "middle", kind: "b"
            ))
        return parts
    }

    /// The policies' names near their points, where they cover neither a point nor another name if such a place is near.
    private var labels: [String] {
        var taken = points.map { Box(x: x($0) - 5, y: y($0) - 5, width: 10, height: 10) }
        return points.flatMap { point in
            let (x, y) = (x(point), y(point))
            let width = PlotText.width(min(point.policy.count, PlotText.most))
            let places = [0.0, 14, -14, 28, -28, 42, -42, 56, -56].flatMap { shift in
                [
                    Box(x: x + 9, y: y - 6 + shift, width: width, height: 12),
                    Box(x: x - 9 - width, y: y - 6 + shift, width: width, height: 12),
                ]
            }
            let fitting = places.filter {
                $0.x >= Self.left && $0.x + width <= Self.width && $0.y >= Self.top - 12
                    && $0.y + 12 <= Self.bottom
            }
            let place =
                fitting.first { place in !taken.contains { $0.meets(place) } } ?? fitting.first ?? places[0]
            taken.append(place)
            let isRight = place.x > x
            let name = Markup.text(
                isRight ? place.x : place.x + width, place.y + 10, Markup.short(point.policy, PlotText.most),
                anchor: isRight ? "start" : "end")
            guard abs(place.y + 6 - y) > 1 else {
                return [name]
            }
            return [
                Markup.line(x, y, isRight ? place.x - 2 : place.x + width + 2, place.y + 6, kind: "h"), name,
            ]
        }
    }
}
