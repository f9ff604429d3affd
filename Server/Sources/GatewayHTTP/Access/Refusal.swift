/// Why a request is answered by the front itself and not by its route.
struct Refusal: Error {
    var status: Int
    var code: StaticString
    /// What is wrong, and how to mend it.
    var message: String
    /// The header field that is wrong.
    var field: String?
    /// When to ask again, in seconds.
    var retryAfter: Int?
    /// The origin of the web page that may read this.
    var allowedOrigin: String?
    /// The form in which whoever asked expects this; nil if that is not known yet.
    var shape: ErrorShape?

    init(
        _ status: Int, _ code: StaticString, _ message: String, field: String? = nil, retryAfter: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retryAfter = retryAfter
    }
}
