package local

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/hybridgroup/yzma/pkg/llama"
)

// LibraryPackage is the npm package, with its version, whose libraries fit. Others may: what counts is the interface.
const LibraryPackage = "@node-llama-cpp/linux-x64@3.14.5"

// libraries are the files that yzma opens.
var libraries = []string{"libggml.so", "libggml-base.so", "libllama.so"}

// loaded is the folder whose libraries this process has. They cannot be exchanged.
var loaded struct {
	sync.Mutex
	dir string
	err error
}

// load loads the libraries of a folder, once.
func load(dir string) error {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.dir != "" {
		if loaded.dir != dir {
			return fmt.Errorf("this process has the libraries of %s already", loaded.dir)
		}
		return loaded.err
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a local model runs on Linux only; on %s let llama.cpp's server run it, and use the backend openai", runtime.GOOS)
	}
	if dir == "" {
		return missing("no folder with llama.cpp's libraries was named")
	}
	for _, name := range libraries {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return missing(fmt.Sprintf("%s is not in %s", name, dir))
		}
	}
	loaded.dir = dir
	if err := llama.Load(dir); err != nil {
		loaded.err = missing(fmt.Sprintf("the libraries in %s do not fit: %v", dir, err))
		return loaded.err
	}
	llama.LogSet(llama.LogSilent()) // it would print prompts' fragments to stderr
	llama.Init()
	return nil
}

// missing says what to do.
func missing(what string) error {
	return fmt.Errorf(`%s. To install them:
  npm pack %s
  tar -xzf node-llama-cpp-linux-x64-*.tgz
  cd package/bins/linux-x64
  ln -s libllama.b*.so libllama.so && ln -s libggml.b*.so libggml.so
and name that folder by --lib-dir (make llama does the same, into ./parley-llama)`, what, LibraryPackage)
}
