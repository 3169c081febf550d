package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// searchDirs are the folders in which go-xla v0.4.1 looks for plugins (its
// pjrt/dynamiclib_posix.go), without the loader's configuration.
func searchDirs() []string {
	if paths, ok := os.LookupEnv("PJRT_PLUGIN_LIBRARY_PATH"); ok {
		return absolute(filepath.SplitList(paths))
	}
	var dirs []string
	for _, lib := range []string{userLib(), systemLib} {
		if lib != "" {
			dirs = append(dirs, filepath.Join(lib, "go-xla"), filepath.Join(lib, "go-xla", "nvidia"), filepath.Join(lib, "gomlx", "pjrt"))
		}
	}
	return append(dirs, absolute(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")))...)
}

// The places of a machine, variables for the tests.
var (
	systemLib  = "/usr/local/lib"
	procNVIDIA = "/proc/driver/nvidia/version" // there while NVIDIA's kernel module is loaded
)

func userLib() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, ".local", "lib")
}

func absolute(paths []string) []string {
	return slices.DeleteFunc(paths, func(p string) bool { return !filepath.IsAbs(p) })
}

// findCPU returns a CPU plugin where go-xla looks, else in dir, else "".
func findCPU(dir string) string {
	return findIn(append(searchDirs(), dir), fileName, "pjrt_c_api_cpu_*_plugin.so", "pjrt?plugin?cpu*.so")
}

// findIn returns the first file, folder by folder, that matches a pattern; of
// several matches the last by name, which is as a rule the newest version.
func findIn(dirs []string, patterns ...string) string {
	for _, dir := range dirs {
		for _, pattern := range patterns {
			matches, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, path := range slices.Backward(matches) {
				if isFile(path) {
					return path
				}
			}
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path) // follows links: go-xla's installer makes one
	return err == nil && info.Mode().IsRegular() && info.Size() > 0
}

// findCUDA returns a CUDA plugin, or "" where the CPU is to be used.
func findCUDA(log func(string)) (string, error) {
	if path := os.Getenv("LEMONADE_CUDA_PLUGIN"); path != "" {
		if !filepath.IsAbs(path) || !isFile(path) {
			return "", fmt.Errorf("LEMONADE_CUDA_PLUGIN=%s: give the absolute path of a file such as …/site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so, or unset it", path)
		}
		return path, nil
	}
	if !hasGPU() {
		return "", nil
	}
	if path := findIn(searchDirs(), "pjrt_c_api_*cuda*_plugin.so", "pjrt?plugin?*cuda*.so"); path != "" {
		return path, nil
	}
	if path := findIn(jaxDirs(), filepath.Join("jax_plugins", "xla_cuda*", "xla_cuda_plugin.so")); path != "" {
		return path, nil
	}
	log(`there is an NVIDIA GPU but no XLA plugin for it, so the CPU is used; for the GPU: python3 -m venv jax && jax/bin/pip install "jax[cuda13]", and set LEMONADE_CUDA_PLUGIN to the jax_plugins/xla_cuda13/xla_cuda_plugin.so in its site-packages`)
	return "", nil
}

// hasGPU reports whether an NVIDIA GPU is there and not hidden from CUDA.
func hasGPU() bool {
	if visible, ok := os.LookupEnv("CUDA_VISIBLE_DEVICES"); ok && (visible == "" || strings.HasPrefix(visible, "-1")) {
		return false
	}
	if _, err := os.Stat(procNVIDIA); err == nil {
		return true
	}
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return false
	}
	out, err := exec.Command(path, "-L").Output() // one line per GPU
	return err == nil && strings.Contains(string(out), "GPU ")
}

// jaxDirs are the site-packages folders of the active Python environment and of
// the python3 on the PATH.
func jaxDirs() []string {
	var dirs []string
	for _, env := range []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")} {
		if env != "" {
			found, _ := filepath.Glob(filepath.Join(env, "lib", "python3*", "site-packages"))
			dirs = append(dirs, found...)
		}
	}
	if out, err := exec.Command("python3", "-c", `import sys; print("\n".join(sys.path))`).Output(); err == nil {
		dirs = append(dirs, absolute(strings.Split(string(out), "\n"))...)
	}
	return dirs
}
