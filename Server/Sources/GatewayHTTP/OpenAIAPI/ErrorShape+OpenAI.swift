extension ErrorShape {
    /// That of OpenAI's clients.
    public static let openAI = ErrorShape { problem in
        OpenAIErrorBody.text(
            message: problem.message, type: problem.status >= 500 ? "api_error" : "invalid_request_error",
            code: "\(problem.code)", field: problem.field)
    }
}
