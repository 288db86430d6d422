package convert

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/rpc/auth"
	"parley/statemachine/state"
)

// The table of errors in common.proto is what people write clients by: it has every reason that can come, with its
// code, and none that can't.
func TestTheTableOfErrorsInTheProtocolsDescriptionIsTheOneInTheCode(t *testing.T) {
	listed := listedRules(t)
	want := map[string]codes.Code{reasonVersion: codes.Unimplemented, ReasonBadRequest: codes.InvalidArgument,
		ReasonOutcomeUnknown: codes.Unavailable, ReasonPanic: codes.Internal}
	for _, r := range nodeRules {
		want[r.reason] = r.code
		require.Equal(t, r, listed[r.reason], "%v", r.reason)
	}
	for reason, code := range authRefusals(t) {
		want[authReason(reason)] = authCodes[code]
	}
	for _, dir := range []string{"../../statemachine", "../../statemachine/state", "../../statemachine/account",
		"../../statemachine/presence", "../../statemachine/chat", "../../statemachine/file", "../../statemachine/lock", "../../statemachine/document", "../../statemachine/assist", "../server"} {
		for reason, code := range refusalsIn(t, dir) {
			rule := ruleOf(&state.Refusal{Code: code, Reason: reason})
			if had, ok := want[reason]; ok {
				require.Equal(t, had, rule.code, "%s has two codes (%s)", reason, dir)
			}
			want[reason] = rule.code
		}
	}
	for _, reason := range ofServers {
		delete(want, reason)
	}
	var wrong []string
	for reason, code := range want {
		if r, ok := listed[reason]; !ok || r.code != code {
			wrong = append(wrong, "common.proto lacks "+reason+" "+code.String())
		}
	}
	for reason := range listed {
		if _, ok := want[reason]; !ok {
			wrong = append(wrong, "common.proto has "+reason+", which nobody gives")
		}
	}
	slices.Sort(wrong)
	require.Empty(t, wrong)
}

// ofServers are the reasons that servers get for what they propose themselves: no caller sees them.
var ofServers = []string{"BOOTSTRAPPED", "NOT_BOOTSTRAPPED", "ADMIN_EXISTS", "TOKEN_WAITS", "PASSWORD_INVALID", "EXTERNAL_OFF"}

// listedRules reads the table.
func listedRules(t *testing.T) map[string]rule {
	text, err := os.ReadFile("../proto/parley/v1/common.proto")
	require.NoError(t, err)
	row := regexp.MustCompile(`(?m)^//   ([A-Z0-9_]+) +([A-Z_]+)(.*)$`)
	listed := map[string]rule{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, listed, m[1], "twice in the table")
		listed[m[1]] = rule{m[1], codeNamed(t, m[2]), strings.Contains(m[3], "RetryInfo")}
	}
	return listed
}

// refusalsIn finds what a package of the state machine refuses with: calls of Invalidf and Refusef, and literals.
func refusalsIn(t *testing.T, dir string) map[string]state.Code {
	found := map[string]state.Code{}
	add := func(reason string, code state.Code) {
		if had, ok := found[reason]; ok {
			require.Equal(t, had, code, "%s has two codes", reason)
		}
		found[reason] = code
	}
	consts := map[string]string{}
	visit := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					if text, ok := literal(n.Values[i], nil); ok {
						consts[name.Name] = text
					}
				}
			}
		case *ast.CallExpr:
			switch callee(n) {
			case "Invalidf":
				if reason, ok := literal(n.Args[1], consts); ok {
					add(reason, state.Invalid)
				}
			case "Refusef":
				if reason, ok := literal(n.Args[1], consts); ok {
					add(reason, codeOf(t, n.Args[0]))
				}
			}
		case *ast.CompositeLit:
			if selected(n.Type) == "Refusal" {
				addLiteral(t, n, consts, found)
			}
		}
		return true
	}
	eachFile(t, dir, func(f *ast.File) { ast.Inspect(f, visit) })
	return found
}

func addLiteral(t *testing.T, n *ast.CompositeLit, consts map[string]string, found map[string]state.Code) {
	var reason string
	var code state.Code
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		switch kv.Key.(*ast.Ident).Name {
		case "Reason":
			reason, _ = literal(kv.Value, consts)
		case "Code":
			if selected(kv.Value) != "" && stateCodeNames[selected(kv.Value)] != 0 {
				code = codeOf(t, kv.Value)
			}
		}
	}
	if reason != "" && code != 0 {
		found[reason] = code
	}
}

// authRefusals finds the reasons of rpc/auth and their codes.
func authRefusals(t *testing.T) map[string]auth.Code {
	reasons := map[string]string{}
	eachFile(t, "../auth", func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Reason") && len(v.Values) == 1 {
				reasons[v.Names[0].Name], _ = literal(v.Values[0], nil)
			}
			return true
		})
	})
	found := map[string]auth.Code{}
	eachFile(t, "../auth", func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch callee(call) {
			case "unauthenticated":
				found[reasons[selected(call.Args[0])]] = auth.Unauthenticated
			case "wait":
				if reason := reasons[selected(call.Args[0])]; reason != "" {
					found[reason] = auth.Exhausted
				}
			case "refuse":
				code := map[string]auth.Code{"Invalid": auth.Invalid, "Unavailable": auth.Unavailable}[selected(call.Args[0])]
				if reason := reasons[selected(call.Args[1])]; reason != "" && code != 0 {
					found[reason] = code
				}
			}
			return true
		})
	})
	delete(found, "")
	require.Len(t, found, len(reasons), "every reason of rpc/auth is found with its code")
	return found
}

func eachFile(t *testing.T, dir string, visit func(*ast.File)) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		visit(f)
	}
}

// callee names a called function, whatever package it is of.
func callee(n *ast.CallExpr) string { return selected(n.Fun) }

func selected(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// literal returns the text that an expression is, or that the constant holds which it names.
func literal(e ast.Expr, consts map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := consts[e.Name]
		return text, ok
	}
	return "", false
}

var stateCodeNames = map[string]state.Code{"Malformed": state.Malformed, "Invalid": state.Invalid, "NotFound": state.NotFound,
	"Exists": state.Exists, "NotPermitted": state.NotPermitted, "Unauthenticated": state.Unauthenticated, "Conflict": state.Conflict,
	"Exhausted": state.Exhausted, "Precondition": state.Precondition, "NotYet": state.NotYet}

func codeOf(t *testing.T, e ast.Expr) state.Code {
	code, ok := stateCodeNames[selected(e)]
	require.True(t, ok, "code %v", selected(e))
	return code
}

// codeNamed returns a code by the name that it has on the wire.
func codeNamed(t *testing.T, name string) codes.Code {
	var c codes.Code
	require.NoError(t, c.UnmarshalJSON([]byte(`"`+name+`"`)))
	return c
}
