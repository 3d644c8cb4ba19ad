//! Renders the SVG with an included font, so that no font must be installed.

use std::sync::Arc;

use anyhow::{Context, Result};
use resvg::{
    render,
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};

/// The picture as PNG, pixel for pixel.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let mut options = Options { font_family: "Ubuntu".into(), ..Options::default() };
    Arc::make_mut(&mut options.fontdb).load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let tree = Tree::from_str(svg, &options).context("the picture cannot be rendered")?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).context("the picture has no size")?;
    render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().context("the picture cannot be written as PNG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_without_length_and_names_are_drawn() {
        let draw = |inside: &str| {
            let svg = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"20\">{inside}</svg>"
            );
            png(&svg).unwrap()
        };
        let empty = draw("");
        let dot = draw("<path stroke=\"#fff\" stroke-width=\"8\" stroke-linecap=\"round\" d=\"M10 10h0\"/>");
        let name = draw("<text x=\"10\" y=\"15\" font-family=\"Ubuntu\">name</text>");
        assert!(dot != empty && name != empty);
    }
}
