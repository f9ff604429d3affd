extension Rejection.Reason {
    /// The call waited for a place, and the full queue gave its room to a call of higher priority.
    public static var displaced: Self { Self(rawValue: "displaced") }
}
