// Package proto holds the definitions of Parley's services, one file a service,
// and the Go code generated from them, which is checked in. `make generate`
// writes it anew; buf and the plug-ins are pinned in .ci/tools/go.mod and go.mod.
//
// Read parley/v1/common.proto first: it says what a position is, how a request
// ends and which errors there are.
package proto

//go:generate go -C ../.. tool -modfile=.ci/tools/go.mod buf lint rpc/proto
//go:generate go -C ../.. tool -modfile=.ci/tools/go.mod buf generate rpc/proto --template rpc/proto/buf.gen.yaml
