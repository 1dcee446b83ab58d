-- Saves model.t7 and io.t7 beside it: th model.lua
require 'nn'

mylab = {}
local Swish = torch.class('mylab.Swish', 'nn.Module')

function Swish:updateOutput(input)
   self.output = torch.cmul(input, torch.sigmoid(input))
   return self.output
end

torch.manualSeed(1)
torch.setdefaulttensortype('torch.FloatTensor')
local net = nn.Sequential()
net:add(nn.SpatialConvolution(1, 4, 5, 5, 2, 2))
net:add(mylab.Swish())
net:add(nn.View(4 * 6 * 6))
net:add(nn.Linear(4 * 6 * 6, 3))
net:evaluate()

local x = torch.randn(2, 1, 16, 16)
local y = net:forward(x):clone()
net:clearState()
torch.save('model.t7', net)
torch.save('io.t7', {x, y})
