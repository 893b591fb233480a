//! workjet-dlp
