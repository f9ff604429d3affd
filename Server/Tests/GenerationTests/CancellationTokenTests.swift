import Generation
import Synchronization
import Testing

@Suite struct CancellationTokenTests {
    private final class Call: Sendable {
        private let count = Atomic(0)
        var ends: Int { count.load(ordering: .relaxed) }
        func end() { count.add(1, ordering: .relaxed) }
    }

    @Test func `what was asked for last is done once, at once if the token was cancelled before`() {
        let token = CancellationToken(), first = Call(), second = Call(), late = Call()
        token.onCancel { first.end() }
        token.onCancel(of: second) { second.end() }
        token.cancel()
        token.cancel()
        token.onCancel { late.end() }
        #expect(first.ends == 0 && second.ends == 1 && late.ends == 1)
    }

    @Test func `a call is forgotten only by itself`() {
        let token = CancellationToken(), first = Call(), second = Call()
        token.onCancel(of: first) { first.end() }
        token.onCancel(of: second) { second.end() }
        token.forget(first)
        token.cancel()
        #expect(first.ends == 0 && second.ends == 1)
        let other = CancellationToken()
        other.onCancel(of: first) { first.end() }
        other.forget(first)
        other.cancel()
        #expect(first.ends == 0)
    }

    @Test func `what is forgotten is let go of`() {
        let token = CancellationToken()
        var call: Call? = Call()
        weak var kept: Call?
        kept = call
        if let call { token.onCancel(of: call) { call.end() } }
        if let call { token.forget(call) }
        call = nil
        #expect(kept == nil)
    }
}
