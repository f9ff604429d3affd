/// What an entry may be used for at a moment.
enum CacheAge: Sendable, Hashable {
    /// It is served. Next: `revalidate`, `ifError` or `gone`, whichever windows the policy has.
    case fresh
    /// It is served while a load replaces it. Next: `ifError` or `gone`.
    case revalidate
    /// It is served if a load fails. Next: `gone`.
    case ifError
    /// It is never served again.
    case gone
}
