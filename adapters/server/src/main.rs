//! The binary `workjet`. Everything it does is in the library.

fn main() -> std::process::ExitCode {
    workjet_server::cli::main()
}
