import Resilience

extension Tour {
    /// Four hundred items of many callers, one of them bad, in batches.
    static func batches() async throws {
        title("Four hundred items, one of them bad, in batches")
        struct BadItem: Error {}
        /// 4 ms for a call, and a tenth of one for each item.
        @Sendable func workTime(of items: Int) -> Duration { .microseconds(4000 + 100 * items) }
        let time = TimeSource(), bad = 333
        let batcher = Batcher<Int, Int>(
            "squares", policy: BatcherPolicy(.fixed(50), maximumLinger: .milliseconds(10))
        ) { items in
            try await time.sleep(for: workTime(of: items.count))
            if items.contains(bad) { throw BadItem() }
            return items.map { $0 * $0 }
        }
        var right = 0, failed: [Int] = []
        let took = await ContinuousClock().measure {
            await withTaskGroup(of: (Int, Int?).self) { group in
                for item in 0..<400 { group.addTask { (item, try? await batcher.submit(item)) } }
                for await (item, square) in group {
                    if square == item * item { right += 1 } else { failed.append(item) }
                }
            }
        }
        try await batcher.close()
        let seen = batcher.snapshot
        print("  \(right) right, failed: \(failed)")
        print(
            "  \(seen.batches) batches of \(Int(seen.meanSize.rounded())), \(seen.splits) halvings to find the bad one"
        )
        let alone = workTime(of: 1) * 400 / 4
        print("  \(took.milliseconds); one by one, four at a time, it would be \(alone.milliseconds)")
    }
}
