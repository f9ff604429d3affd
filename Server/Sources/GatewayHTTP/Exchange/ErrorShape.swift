public import NIOCore

/// The form in which a surface's clients expect to be told what is wrong. The front knows no other thing of a dialect.
public struct ErrorShape: Sendable {
    /// What is wrong, in no dialect.
    public struct Problem: Sendable {
        /// The status code of the reply.
        public let status: Int
        /// What is wrong, for programs.
        public let code: StaticString
        /// What is wrong and how to mend it, for people.
        public let message: String
        /// What of the request is wrong.
        public let field: String?
    }

    let body: @Sendable (Problem) -> ByteBuffer

    /// Creates a shape.
    ///
    /// - Parameter body: Makes the JSON that tells a problem.
    public init(body: @escaping @Sendable (Problem) -> ByteBuffer) {
        self.body = body
    }
}
