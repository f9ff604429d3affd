import Testing

@testable import Generation

@Suite struct SecretTests {
    @Test func `a secret shows nothing of itself`() {
        let secret = Secret("sk-canary-0123456789abcdef")
        #expect("\(secret)" == "***")
        #expect(String(reflecting: secret) == "***")
        #expect("\([secret])" == "[***]")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("canary"))
        #expect(secret.hint == "…cdef")
        #expect(Secret("short").hint == "")
    }

    @Test(arguments: [
        "the key sk-canary-0123456789abcdef is wrong", "Bearer sk-canary-0123456789abcdef",
        "c2stY2FuYXJ5LTAxMjM0NTY3ODlhYmNkZWY=",
        "…456789abcdef", "Incorrect API key provided: sk-other-987654321.", "key=AIzaSyA-1234567890abcdef",
    ])
    func `the redactor takes out the secret in all its forms, and keys in general`(text: String) {
        let redactor = Redactor([Secret("sk-canary-0123456789abcdef")])
        let redacted = redactor.redact(text)
        #expect(redacted.contains("***"))
        for part in ["0123456789", "456789abcdef", "MDEyMzQ1", "987654321", "SyA-1234567890"] {
            #expect(!redacted.contains(part), "\(redacted)")
        }
        #expect(redactor.redact(redacted) == redacted)
    }

    @Test func `the redactor leaves other words alone`() {
        let text = "model gpt-5 does not exist; risk-free task-list"
        #expect(Redactor([Secret("sk-canary-0123456789abcdef")]).redact(text) == text)
    }
}
