// Package server is ModelService: the gRPC side of the LLM server.
//
// It lets in who has the secret, bounds how many texts are generated and how many calls wait, translates messages and
// errors, and logs who asked for what kind of text and what it cost, never a word of it. What generates is one
// llm.Provider.
package server
