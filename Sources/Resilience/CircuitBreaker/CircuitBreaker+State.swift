extension CircuitBreaker {
    /// What a call meant for the health of the other side.
    public enum Outcome: Sendable, Hashable {
        /// The other side did its work.
        case success
        /// The other side failed. A Retry-After that it sent lengthens the opening that this failure may cause.
        case failure(retryAfter: Duration? = nil)
        /// The result says nothing about the other side: the caller's own mistake, or a cancelled call.
        case ignored

        var retryAfter: Duration? {
            if case .failure(let wait) = self { return wait }
            return nil
        }
    }

    /// The states of a breaker, as others see them.
    @nonexhaustive
    public enum State: String, Sendable, Hashable, Codable {
        /// Calls pass and are counted. Next: open, when a trip rule holds.
        case closed
        /// Calls are rejected. Next: half-open, when the open time has passed.
        case open
        /// A few probes pass. Next: closed or open by their verdict.
        case halfOpen = "half_open"
        /// Held open by hand. Next: closed, when the last hold is given back.
        case isolated
        /// Switched off: all calls pass and nothing is counted. Next: whatever is set by hand.
        case disabled
    }

    /// Admits one call; bound to the generation in which it was given out.
    struct Ticket: Sendable, Hashable {
        let generation: UInt64
        /// The probe's number in a half-open breaker.
        let probe: UInt64?

        init(generation: UInt64, probe: UInt64?) {
            self.generation = generation
            self.probe = probe
        }

        /// The ticket of a call that ``StateMachine/gate`` lets through.
        init(gate: UInt64) { self.init(generation: gate >> Gate.bits, probe: nil) }

        /// The ticket of a call that would have been refused, had the breaker not only watched. No generation has this
        /// number, and its result is nobody's.
        static let unwatched = Ticket(generation: .max, probe: nil)
    }

    /// What a call has to know before it begins: the low bits of a word, the generation is in those above.
    enum Gate {
        static let bits: UInt64 = 4
        /// The call must ask the machine: any state but closed and disabled, and closed too where calls belong to the
        /// interval in which they began.
        static let asks: UInt64 = 1
        /// Calls are timed.
        static let timed: UInt64 = 2
        /// A closed breaker counts results without knowing the time.
        static let countedUntimed: UInt64 = 4
        /// The window is full of quick successes: one more changes nothing, and need not be counted.
        static let spotless: UInt64 = 8
    }

    /// The answer to a call that asks to be let through.
    enum Admission: Sendable, Hashable {
        case admitted(Ticket)
        case refused(Rejection.Reason, retryAfter: Duration?)
    }

    /// A change of state and what led to it.
    struct Transition: Sendable, Hashable {
        var from: State
        var to: State
        /// How long an opening lasts.
        var openFor: Duration?
        /// Openings without a close in between, this one included.
        var openings: Int
        /// What the trip rule or verdict saw.
        var counts: CallWindow.Counts
        /// Whether the breaker only watches.
        var shadow = false
    }
}
