// Package local is the backend for a model file (GGUF) that llama.cpp's shared libraries run in this process.
//
// The libraries are not part of Parley: yzma loads them when the backend is made, without cgo. It knows their binary
// interface as of one version, which LibraryPackage names.
//
// What users wrote cannot become a mark of turns: the chat template of the file is applied to stand-ins, and instruction and
// data are put in their places as tokens that were made without regard to marks.
//
// One text is generated at a time. The threads of llama.cpp spin while they wait for one another: with more of them than
// idle cores a text takes a thousand times as long, so there is one unless somebody asks for more.
package local
