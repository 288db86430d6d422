// Package prompt says what a model is asked, and reads what it answers.
//
// A Task is what somebody wants, in parts: a kind, a few numbers, and what users wrote. Render makes a Prompt of it, in
// which the two never mix:
//
//	Instruction   chosen by the kind, filled in with numbers alone
//	Fence         a word that occurs in no data
//	Data          what users wrote, between lines that begin with the fence
//
// Messages are data of one JSON object a line, so that no message can look like two, or like another
// speaker's. The words by which models mark the turns of a conversation are broken in all data (see Break): whatever a
// message says, it stays a message.
//
// No instruction makes a model obey. What counts is that nothing hangs on its answer but a text that a person
// reads, that the answer's form is read strictly (Replies, Summary, Completions, Text), and that counts and lengths are
// cut here rather than hoped for.
//
// The node renders and reads, the LLM server passes on: this package knows neither providers nor gRPC.
package prompt
