import Generation
import Resilience
import Testing

@testable import Gateway

/// Callers that leave at every step, and after everything that they can be told.
@Suite struct CancellationPointsTests {
    @Test(arguments: SmallScene.all)
    func `a request can be cancelled at every step, and is booked, told and cleaned up all the same`(
        scene: SmallScene
    ) {
        let calm = scene.play()
        #expect(calm.faults.isEmpty, "\(calm.faults)")
        for step in 0...calm.steps + 1 {
            let faults = scene.play(cancelledAt: step).faults
            #expect(faults.isEmpty, "cancelled at step \(step) of \(calm.steps): \(faults)")
        }
    }

    @Test(arguments: SmallScene.all)
    func `a caller can leave at everything that it is told`(scene: SmallScene) {
        let calls = scene.play().scene.all.last?.caller.heard.calls ?? 0
        #expect(calls > 0)
        for count in 0..<calls {
            let (faults, _, _, played) = scene.play(leavesAfter: count)
            #expect(faults.isEmpty, "left after \(count) of \(calls): \(faults)")
            let decision = (played.all.last?.id).flatMap { played.gateway.decisions[$0] }
            #expect(decision?.ending == .callerLeft)
        }
    }
}
