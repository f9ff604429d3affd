import HTTPMessage
import Resilience

/// A request that a connection reads or serves. A class, because it is handed on many times.
final class AdmittedRequest: @unchecked Sendable {  // Confined to its connection's event loop.
    let head: RequestHead
    let entry: RouteTable.Entry
    let caller: Caller
    /// The origin of the web page that may read the answer.
    let allowedOrigin: String?
    let arrivedAt: Instant
    var pace: BodyPace
    /// What its body holds of the budget for all bodies; nil once the route has the body.
    var hold: BodyHold?

    init(
        _ head: RequestHead, _ admitted: Admission.Admitted, arrivedAt: Instant, pace: BodyPace,
        hold: BodyHold
    ) {
        self.head = head
        entry = admitted.entry
        caller = admitted.caller
        allowedOrigin = admitted.allowedOrigin
        self.arrivedAt = arrivedAt
        self.pace = pace
        self.hold = hold
    }

    /// - Returns: Whose bytes are too many, if any are.
    func hold(_ bytes: Int, of budget: BodyBudget) -> BodyShares.Holder? {
        guard var taken = hold.take() else { return nil }
        defer { hold = taken }
        return budget.take(bytes, for: &taken)
    }
}
