extension SimulationReport {
    /// The report as one page of HTML that needs nothing else: no script, no other file, no network.
    ///
    /// It has the summary, the front of cost against latency, and for each scenario what happened in the course of time.
    /// The first 6 policies with a timeline are drawn, in the first 40 scenarios, with their first 60 incidents.
    public var html: String {
        let all = summary
        var parts = [
            "<h1>Simulation of \(Markup.escaped(world))</h1>", introduction,
            "<h2>Summary</h2>", htmlTable(of: all, caption: "All scenarios and seeds"),
            """
            <p class="n">The mean of all runs and the \(SimulationMean.method). * marks the best value of a column, \
            oracles aside. A dash stands for what does not exist.</p>
            """,
            meanings, "<h2>Cost against latency</h2>", front(of: all).svg(id: "front"),
            """
            <p class="n">Down and left is better. The line is the front: no policy is cheaper without being slower. \
            Hollow points are oracles. Only successes count here, so look at the share of successes too.</p>
            """,
        ]
        let drawn = drawnPolicies
        let sums = timelineSums
        for (index, scenario) in drawnScenarios.enumerated() {
            let lines = drawn.compactMap { sums[TimelineKey(policy: $0, scenario: scenario)] }
            parts.append(section(scenario, id: "s\(index)", lines, colors: drawn))
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Simulation of \(Markup.escaped(world))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <main>
            \(parts.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    private var introduction: String {
        let seeds = Set(rows.lazy.map(\.seed))
        let range =
            seeds.count > 1
            ? "seeds \(seeds.min() ?? 0) to \(seeds.max() ?? 0)" : "seed \(seeds.first ?? 0)"
        let requests = rows.map(\.requests)
        let least = requests.min() ?? 0
        let most = requests.max() ?? 0
        let number = least == most ? "\(most)" : "\(least) to \(most)"
        return """
            <p>A world is a set of providers with prices, speeds and limits, and scenarios of what happens to them. \
            Requests arrive in virtual time, and each policy chooses whom to ask. Every policy meets the same requests \
            and the same luck, so what differs is the policy's doing.</p>
            <p>This report: \(runs) (\(range)), \(number) requests a run.</p>
            """
    }

    private var meanings: String {
        let items = SimulationFigure.allCases.map { figure in
            "<dt>\(Markup.escaped(figure.look.head))</dt><dd>\(Markup.escaped(figure.look.meaning))</dd>"
        }
        return "<details><summary>What the columns are</summary><dl>\(items.joined())</dl></details>"
    }

    private func front(of all: [SimulationSummary]) -> FrontPlot {
        FrontPlot(
            all.map {
                FrontPlot.Point(
                    policy: $0.policy, latency: $0[.latencyMean].mean, cost: $0[.costPerThousand].mean,
                    isOracle: oracles.contains($0.policy))
            })
    }

    /// A table with all figures and the margins of their intervals.
    func htmlTable(of all: [SimulationSummary], caption: String) -> String {
        let best = best(of: all)
        let heads = SimulationFigure.allCases.map { figure in
            """
            <th scope="col" title="\(Markup.escaped(figure.look.meaning))">\(Markup.escaped(figure.look.head))\
            <small>\(Markup.escaped(figure.look.unit))</small></th>
            """
        }
        let lines = all.map { summary in
            let cells = SimulationFigure.allCases.map { figure in
                let mean = summary[figure]
                let text = figure.shown(mean.mean)
                let isBest = text == best[figure] && !oracles.contains(summary.policy)
                let margin = mean.margin.isFinite ? "<small>±\(figure.shown(mean.margin))</small>" : ""
                return "<td>\(isBest ? "<b>\(text)*</b>" : text)\(margin)</td>"
            }
            return "<tr><th scope=\"row\">\(Markup.escaped(summary.policy))</th>\(cells.joined())</tr>"
        }
        return """
            <div class="t" tabindex="0" role="region" aria-label="\(Markup.escaped(caption))"><table>
            <caption>\(Markup.escaped(caption))</caption>
            <thead><tr><th scope="col">policy</th>\(heads.joined())</tr></thead>
            <tbody>
            \(lines.joined(separator: "\n"))
            </tbody>
            </table></div>
            """
    }

    /// How the page looks: the reader's own choice of light or dark decides, and lines differ by dashes as well.
    private static let style = """
        :root{color-scheme:light dark;--back:#fff;--ink:#1b1f24;--soft:#57606a;--grid:#e1e4e8;--band:#c0392b;
        --c0:#1f6fb4;--c1:#c04a12;--c2:#1a7f5a;--c3:#8a4fb0;--c4:#806200;--c5:#b0306a}
        @media(prefers-color-scheme:dark){:root{--back:#14171b;--ink:#e6e9ed;--soft:#9aa4af;--grid:#2d333b;
        --band:#ff7b6b;--c0:#6cb6ff;--c1:#ff9a66;--c2:#5fd3a5;--c3:#c9a2f2;--c4:#e5c34d;--c5:#ff8ab8}}
        body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
        main{max-width:1100px;margin:0 auto;padding:1.5rem}
        h2{margin-top:2.5rem}
        .n,caption,dd{color:var(--soft);font-size:.875rem}
        .t{overflow-x:auto}
        table{border-collapse:collapse;font-size:.8125rem;font-variant-numeric:tabular-nums}
        caption{text-align:left}
        th,td{padding:.25rem .5rem;border-bottom:1px solid var(--grid);text-align:right;white-space:nowrap}
        th:first-child{text-align:left}
        small{display:block;color:var(--soft);font-weight:normal;font-size:.6875rem}
        dt{float:left;clear:left;width:6rem}dd{margin-left:6rem}
        svg{display:block;width:100%;height:auto;margin:1rem 0}
        text{fill:var(--ink);font:11px system-ui,sans-serif}
        .b{font-weight:600}.s{fill:var(--soft)}
        path{fill:none}
        .g{stroke:var(--grid)}.a,.h{stroke:var(--soft)}.h{stroke-width:.6}
        .f{stroke:var(--c1);stroke-width:1.5}
        .p{fill:var(--c0)}.o{fill:var(--back);stroke:var(--soft);stroke-width:1.5}
        .i{fill:var(--band);fill-opacity:.16}
        .l{stroke-width:1.3;stroke-linejoin:round;stroke-linecap:round}
        .l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:6 3}.l2{stroke:var(--c2);stroke-dasharray:2 3}
        .l3{stroke:var(--c3);stroke-dasharray:8 3 2 3}.l4{stroke:var(--c4);stroke-dasharray:12 4}
        .l5{stroke:var(--c5);stroke-dasharray:4 2 1 2 1 2}
        """
}
