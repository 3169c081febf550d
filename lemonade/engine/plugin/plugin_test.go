package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// machine makes an empty machine for the test: no plugin, no GPU, a home of its
// own, and a PATH with nothing on it. It returns its root folder.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"GOMLX_BACKEND", "LEMONADE_CUDA_PLUGIN", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"PJRT_PLUGIN_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"} {
		t.Setenv(name, "") // so that its value comes back after the test
		os.Unsetenv(name)
	}
	t.Setenv("HOME", filepath.Join(root, "home"))
	t.Setenv("LEMONADE_HOME", filepath.Join(root, "lemonade"))
	t.Setenv("PATH", filepath.Join(root, "bin"))
	oldLib, oldProc, oldSources := systemLib, procNVIDIA, sources
	systemLib, procNVIDIA, sources = filepath.Join(root, "usr/lib"), filepath.Join(root, "nvidia"), nil
	t.Cleanup(func() { systemLib, procNVIDIA, sources = oldLib, oldProc, oldSources })
	return root
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnsureOrder(t *testing.T) {
	const so = "pjrt_c_api_cpu_plugin.so"
	for _, test := range []struct {
		name  string
		files []string
		env   map[string]string // $ROOT is the machine's root
		want  string            // relative to the root, after "xla:"
	}{
		{"fetched earlier", []string{"plugins/" + so}, nil, "plugins/" + so},
		{"user's before fetched", []string{"plugins/" + so, "home/.local/lib/go-xla/" + so}, nil, "home/.local/lib/go-xla/" + so},
		{"other CUDA name", []string{"nvidia", "usr/lib/go-xla/nvidia/pjrt_plugin_cuda13.so", "plugins/" + so}, nil, "usr/lib/go-xla/nvidia/pjrt_plugin_cuda13.so"},
		{"user's before system's", []string{"usr/lib/go-xla/" + so, "home/.local/lib/go-xla/" + so}, nil, "home/.local/lib/go-xla/" + so},
		{"system's", []string{"usr/lib/go-xla/" + so}, nil, "usr/lib/go-xla/" + so},
		{"versioned name, the newest", []string{"usr/lib/go-xla/pjrt_c_api_cpu_v0.113.0_plugin.so", "usr/lib/go-xla/pjrt_c_api_cpu_v0.114.0_plugin.so"}, nil,
			"usr/lib/go-xla/pjrt_c_api_cpu_v0.114.0_plugin.so"},
		{"other name", []string{"usr/lib/go-xla/pjrt-plugin-cpu.so"}, nil, "usr/lib/go-xla/pjrt-plugin-cpu.so"},
		{"loader path", []string{"ld/" + so}, map[string]string{"LD_LIBRARY_PATH": "relative:$ROOT/ld"}, "ld/" + so},
		{"PJRT_PLUGIN_LIBRARY_PATH replaces the defaults", []string{"home/.local/lib/go-xla/" + so, "mine/" + so},
			map[string]string{"PJRT_PLUGIN_LIBRARY_PATH": "$ROOT/none:$ROOT/mine"}, "mine/" + so},
		{"but not what was fetched", []string{"home/.local/lib/go-xla/" + so, "plugins/" + so},
			map[string]string{"PJRT_PLUGIN_LIBRARY_PATH": "$ROOT/none"}, "plugins/" + so},
		{"CUDA plugin without a GPU", []string{"usr/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so", "plugins/" + so}, nil, "plugins/" + so},
		{"CUDA plugin with a GPU", []string{"nvidia", "usr/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so", "plugins/" + so}, nil,
			"usr/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so"},
		{"GPU hidden", []string{"nvidia", "usr/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so", "plugins/" + so},
			map[string]string{"CUDA_VISIBLE_DEVICES": "-1"}, "plugins/" + so},
		{"JAX's CUDA plugin", []string{"nvidia", "venv/lib/python3.11/site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so", "plugins/" + so},
			map[string]string{"VIRTUAL_ENV": "$ROOT/venv"}, "venv/lib/python3.11/site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so"},
		{"LEMONADE_CUDA_PLUGIN", []string{"nvidia", "my/xla_cuda_plugin.so", "usr/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so"},
			map[string]string{"LEMONADE_CUDA_PLUGIN": "$ROOT/my/xla_cuda_plugin.so"}, "my/xla_cuda_plugin.so"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := machine(t)
			for _, f := range test.files {
				write(t, filepath.Join(root, f), "plugin")
			}
			for name, value := range test.env {
				t.Setenv(name, strings.ReplaceAll(value, "$ROOT", root))
			}
			got, err := Ensure(t.Context(), filepath.Join(root, "plugins"), nil)
			if want := "xla:" + filepath.Join(root, test.want); err != nil || got != want {
				t.Errorf("Ensure = %q, %v\nwant %q", got, err, want)
			}
		})
	}
}

func TestEnsureRespectsBackend(t *testing.T) {
	root := machine(t)
	write(t, filepath.Join(root, "plugins", fileName), "plugin")
	t.Setenv("GOMLX_BACKEND", "xla:cuda,preallocate")
	if got, err := Ensure(t.Context(), filepath.Join(root, "plugins"), nil); err != nil || got != "xla:cuda,preallocate" {
		t.Errorf("Ensure = %q, %v", got, err)
	}
}

func TestEnsureGPUWithoutPlugin(t *testing.T) {
	root := machine(t)
	write(t, filepath.Join(root, "bin/nvidia-smi"), "#!/bin/sh\necho 'GPU 0: NVIDIA H100'\n")
	write(t, filepath.Join(root, "plugins", fileName), "plugin")
	var log []string
	got, err := Ensure(t.Context(), filepath.Join(root, "plugins"), func(s string) { log = append(log, s) })
	if err != nil || !strings.HasSuffix(got, fileName) {
		t.Errorf("Ensure = %q, %v", got, err)
	}
	if len(log) != 1 || !strings.Contains(log[0], `pip install "jax[cuda13]"`) {
		t.Errorf("log: %q", log)
	}
}

func TestEnsureWrongCUDAPlugin(t *testing.T) {
	root := machine(t)
	t.Setenv("LEMONADE_CUDA_PLUGIN", filepath.Join(root, "missing.so"))
	if _, err := Ensure(t.Context(), root, nil); err == nil || !strings.Contains(err.Error(), "LEMONADE_CUDA_PLUGIN") {
		t.Errorf("error: %v", err)
	}
}

// TestEnsureFetchesOnce has several callers at once: one fetches, the others wait.
func TestEnsureFetchesOnce(t *testing.T) {
	root := machine(t)
	var mu sync.Mutex
	var order []string
	sources = []source{
		{"first", func(context.Context, string, func(string)) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, "first")
			return errors.New("out of reach")
		}},
		{"second", func(_ context.Context, path string, _ func(string)) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, "second")
			time.Sleep(200 * time.Millisecond)
			return os.WriteFile(path, []byte("plugin"), 0o644)
		}},
	}
	left := filepath.Join(root, "plugins", ".fetch-123")
	write(t, filepath.Join(left, "half"), "x")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			got, err := Ensure(t.Context(), filepath.Join(root, "plugins"), nil)
			if want := "xla:" + filepath.Join(root, "plugins", fileName); err != nil || got != want {
				t.Errorf("Ensure = %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if got := fmt.Sprint(order); got != "[first second]" {
		t.Errorf("fetched %s", got)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed fetch left is still there: %v", err)
	}
}

func TestEnsureErrorSaysWhatToDo(t *testing.T) {
	root := machine(t)
	fails := func(context.Context, string, func(string)) error { return errors.New("out of reach") }
	sources = []source{{"here", fails}, {"there", fails}}
	_, err := Ensure(t.Context(), filepath.Join(root, "plugins"), nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"here: out of reach", "there: out of reach", "python3 -m pip download --no-deps",
		"lammps-jax-pjrt-cpu==0.11.2", "GOMLX_BACKEND", filepath.Join(root, "plugins")} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestEnsureCancelled(t *testing.T) {
	root := machine(t)
	ctx, cancel := context.WithCancel(t.Context())
	sources = []source{{"slow", func(ctx context.Context, _ string, _ func(string)) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}}
	if _, err := Ensure(ctx, filepath.Join(root, "plugins"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
}
