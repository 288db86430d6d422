// Package llm is the contract between the LLM server and the backends that make its texts.
//
//	node ── prompt.Render ──► ModelService ──► Guard ──► Provider
//	     ◄── pieces, Final ──             ◄──       ◄── pieces, Result
//
// A Request says one task twice: in parts, for a backend that has no model, and as a rendered prompt for one that has.
// The backends stand in folders of their own, so that a program links only the libraries of those that it offers:
//
//	offline    no model: grammar by Harper, summaries by TextRank, completions by n-grams
//	gemini     Google's service
//	openai     any server that speaks OpenAI's protocol: llama.cpp, Ollama, vLLM
//	local      a GGUF file, run in this process by llama.cpp's libraries
//	scripted   says what it is told, for tests
//
// What every backend has to do stands at Provider, and providertest.Run holds all of them to it. Guard keeps the
// limits that do not depend on the backend, on both sides of it. Package server is the gRPC service, package prompt
// what is asked and how answers are read.
//
// Text of users goes through here and nowhere else: no error holds a word of a request or of an answer.
package llm
