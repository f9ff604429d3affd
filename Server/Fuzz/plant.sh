#!/bin/bash
# Puts one mistake for every fuzzer into a copy of the product's sources, to show that each finds its own.
#   plant.sh SOURCES
# Each mistake is in code that only its fuzzer runs. Two of them were real and found by the fuzzers. A piece of code
# that is not there any more ends the script with an error.
set -euo pipefail
sources=$1

# plant FILE RIGHT WRONG
plant() {
    local text
    text=$(<"$sources/$1")
    if [[ $text != *"$2"* ]]; then
        echo "$1 has no such code to spoil; find it a new mistake: $2" >&2
        exit 1
    fi
    printf '%s\n' "${text/"$2"/"$3"}" >"$sources/$1"
}

# FuzzEventStream: the name of an event is kept for the next one.
plant Dialects/EventStream/EventStreamScanner.swift \
    '(data, name, lineStart, eventStart) = ([], nil, 0, 0)' '(data, lineStart, eventStart) = ([], 0, 0)'
# FuzzChatRequest: no answers at all may be asked for.
plant Dialects/OpenAIChat/Requests/ChatRequestScan.swift 'readCount(member, 1...GenerationRequest' \
    'readCount(member, 0...GenerationRequest'
# FuzzChatStream: an event that ends otherwise than the last one is taken for one like it.
plant Dialects/OpenAIChat/Streams/ChunkShape.swift 'same(event, holes.first.upperBound..<event.count, bytes, at: &index)' \
    'same(event, holes.first.upperBound..<holes.first.upperBound + 1, bytes, at: &index)'
# FuzzProviderAnswer: a chunk may be something else than UTF-8.
plant JSON/JSONText.swift 'guard let next = bytes.endOfCharacters(from: index) else {' \
    'guard let next = bytes.endOfCharacters(from: index) ?? Optional(index + 1) else {'
# FuzzJudgedAnswer: the text of a completion without messages is not kept of a stream.
plant Dialects/OpenAIChat/Answers/AnsweredChoice+Reading.swift 'for text in [part.content, part.plainText]' 'for text in [part.content]'
# FuzzRequestMessage: empty lines before a request are all skipped, but only if they come apart.
plant HTTPMessage/RequestParser.swift 'if !skippedLine, ' 'if '
# FuzzResponseMessage: a response may be framed in two ways.
plant HTTPMessage/ResponseParser.swift 'try HeadParser.checkFraming(facts, isHTTP11: isHTTP11)' ''
# FuzzRetryAfter: each part of a duration is held within a year, but not their sum.
plant Dialects/WaitText.swift 'total > .zero ? min(total, longest) : nil' 'total > .zero ? total : nil'
# FuzzRedactor: Base64 without its padding is not known.
plant Generation/Secrets/Redactor.swift 'forms.insert(String(base64.prefix { $0 != "=" }))' ''
