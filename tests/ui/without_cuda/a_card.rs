fn main() -> Result<(), gpumem::Error> {
    let device = gpumem::Device::cuda(0)?;
    device.close()
}
