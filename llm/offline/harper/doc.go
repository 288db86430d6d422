// Package harper runs Harper, a grammar checker for English, inside this process.
//
// Harper is written in Rust by others (Apache-2.0, see LICENSE). Its authors publish it as WebAssembly in
// the npm package that VERSION names; harper.wasm.gz is that file, compressed, and `make harper` fetches it anew and
// checks its hash. wazero runs it: no cgo, no file and no network that the module could reach.
//
// Compiling 16 MB of WebAssembly takes seconds. It is done when the first text comes or when Warm is called, once per machine: the machine code is
// kept in a folder that the caller names. An instance needs some 160 MB.
//
// The module was made for JavaScript. It calls its host by functions whose names carry a hash of their signature, and
// hands results over as references to objects of the host. host.go stands in for the few of them that checking
// needs; every other one ends the instance with an error.
package harper
